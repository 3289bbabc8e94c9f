# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The report of an image-level evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ctan_monai.metrics.classification import classification_metrics
from ctan_monai.reports.report import Report

from .charts import calibration_chart, roc_chart
from .tables import confusion_table, error_table, key_figures, limits, measure_table, sentences

__all__ = ["ClassificationReport"]


class ClassificationReport(Report):
    """Report of image-level tasks: `evaluation.json`, `per_patient.csv`, `summary.csv` and `report.html`.

    Args:
        output_dir: as the others, see :class:`ctan_monai.reports.report.Report`.
        title: what was evaluated.
        classes: task to the names of its classes.
        measures: name to what is measured: "task", "title" and, where only some cases count, "where", the key of a
            case's row that must be 1.
        provenance: of the evaluation.
        training_dir: of the training's logs.
        bootstrap: resamples of the intervals.
        seed: of the resampling.

    Raises:
        ValueError: a measure of an unknown task.
    """

    template = "classification.html.j2"

    def __init__(
        self,
        output_dir: Path | str,
        title: str,
        classes: Mapping[str, Sequence[str]],
        measures: Mapping[str, Mapping[str, str]],
        provenance: Mapping[str, Any],
        training_dir: Path | str | None = None,
        bootstrap: int = 1000,
        seed: int = 0,
    ) -> None:
        super().__init__(output_dir, title, classes, provenance, training_dir=training_dir)
        unknown = sorted({measure["task"] for measure in measures.values()} - set(classes))
        if unknown:
            raise ValueError(f"measures of the tasks {unknown}: there are classes for {sorted(classes)}.")
        self.measures = {name: dict(measure) for name, measure in measures.items()}
        self.bootstrap = bootstrap
        self.seed = seed

    def add_case(self, case_id: str, row: Mapping[str, Any], probabilities: Mapping[str, Sequence[float]]) -> None:
        """Add a case.

        Args:
            case_id: its name.
            row: its label (from 0; None or -1: it has none) under each task's name, and what else is worth a column.
            probabilities: task to one value (of class 1) or one a class; tasks that the network lacks are left out.

        Raises:
            ValueError: if the case was added before.
        """
        columns = dict(row)
        for task, values in probabilities.items():
            names = self.labels[task]
            if len(values) == 1:
                columns[f"{task}_probability"] = values[0]
            else:
                columns.update({f"{task}_probability_{n}": v for n, v in zip(names, values, strict=True)})
        self.add_row(case_id, columns)
        self.kept[case_id] = {task: list(values) for task, values in probabilities.items()}

    def summary(self) -> dict[str, Any]:
        """Figures of each measure: "patients", "metrics" (a flat row a measure), "measures" (all figures)."""
        measures = {
            name: classification_metrics(*data, self.labels[measure["task"]], self.bootstrap, self.seed)
            for name, measure in self.measures.items()
            if (data := self._data(measure)) is not None
        }
        metrics = {}
        for name, figures in measures.items():
            interval = {"low": figures["low"], "high": figures["high"]}
            metrics[f"auroc_{name}"] = {"mean": figures["auroc"], **interval, "n": figures["n"]}
            for key in ("accuracy", "balanced_accuracy", "brier"):
                if key in figures:
                    metrics[f"{key}_{name}"] = {"mean": figures[key], "n": figures["n"]}
        return {"patients": len(self.rows), "metrics": metrics, "measures": measures}

    def write(self, summary: Mapping[str, Any] | None = None) -> Path:
        """Write the files, each atomically; returns the path of the HTML file."""
        return super().write(self.summary() if summary is None else summary)

    def content(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        """What the page has; ``summary`` is of :py:meth:`summary`."""
        figures, count = summary["measures"], summary["patients"]
        titles = {name: self.measures[name]["title"] for name in figures}
        curves = self._curves(titles)
        return {
            "figures": key_figures(count, figures, titles),
            "sentences": sentences(count, figures, titles),
            "table": measure_table(figures, titles),
            "roc": [chart for task in curves if (chart := roc_chart(task, curves[task]))],
            "calibration": [chart for task in curves if (chart := calibration_chart(task, curves[task]))],
            "confusion": [confusion_table(figures[name], title) for name, title in titles.items()],
            "errors": error_table(self.rows, self._worst()),
            "limits": limits(count, figures, titles),
        }

    def _data(self, measure: Mapping[str, str]) -> tuple[np.ndarray, np.ndarray] | None:
        """Labels and probabilities of the cases that count; None where the network lacks the task."""
        task, where = measure["task"], measure.get("where")
        if not any(task in values for values in self.kept.values()):
            return None
        counted = [
            case_id
            for case_id, row in self.rows.items()
            if row.get(task) not in (None, -1) and (where is None or row.get(where) == 1)
        ]
        labels = np.array([self.rows[case_id][task] for case_id in counted], int)
        return labels, np.array([self.kept[case_id][task] for case_id in counted], float)

    def _curves(self, titles: Mapping[str, str]) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
        """By task, then by what is drawn as one line: which cases are positive, and their scores."""
        curves: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
        for name, title in titles.items():
            task = self.measures[name]["task"]
            data = self._data(self.measures[name])
            assert data is not None  # it has a title
            labels, probabilities = data
            if len(self.labels[task]) == 2:
                curves.setdefault(task, {})[title] = (labels == 1, probabilities.reshape(len(labels), -1)[:, -1])
            else:
                for c, class_name in enumerate(self.labels[task]):
                    curves.setdefault(task, {})[class_name] = (labels == c, probabilities[:, c])
        return curves

    def _worst(self) -> dict[str, list[tuple[str, float]]]:
        """By task, the cases by the probability that their own class was given, lowest first."""
        worst: dict[str, list[tuple[str, float]]] = {}
        for case_id, row in self.rows.items():
            for task, values in self.kept[case_id].items():
                label = row.get(task)
                if label not in (None, -1):
                    full = [1 - values[0], values[0]] if len(values) == 1 else values
                    worst.setdefault(task, []).append((case_id, full[label]))
        return {task: sorted(cases, key=lambda case: case[1]) for task, cases in worst.items()}
