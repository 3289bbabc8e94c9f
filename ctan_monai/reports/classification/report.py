# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The report of an image-level evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ctan_monai.metrics.classification import classification_metrics
from ctan_monai.reports.page import flatten, render_html
from ctan_monai.reports.training_curves import training_charts
from ctan_monai.utils.csv_tables import write_per_patient_csv, write_summary_csv
from ctan_monai.utils.files import write_atomic, write_json

from .charts import calibration_chart, roc_chart
from .tables import confusion_table, error_table, key_figures, limits, measure_table, sentences

__all__ = ["ClassificationReport"]


class ClassificationReport:
    """Collects cases, then writes `evaluation.json`, `per_patient.csv`, `summary.csv` and `report.html`.

    Args:
        output_dir: folder of the four files; made when they are written.
        title: what was evaluated, heading of the page.
        classes: task to the names of its classes.
        measures: name to what is measured: "task", "title" and, where only some cases count, "where", the key of a
            case's row that must be 1.
        provenance: of :func:`ctan_monai.utils.provenance`.
        training_dir: folder of the training's logs; `output_dir` if None. Without logs there are no training curves.
        bootstrap: resamples of the intervals.
        seed: of the resampling.

    Raises:
        ValueError: a measure of an unknown task.
    """

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
        unknown = sorted({measure["task"] for measure in measures.values()} - set(classes))
        if unknown:
            raise ValueError(f"measures of the tasks {unknown}: there are classes for {sorted(classes)}.")
        self.output_dir = Path(output_dir)
        self.title = title
        self.classes = {task: list(names) for task, names in classes.items()}
        self.measures = {name: dict(measure) for name, measure in measures.items()}
        self.provenance = dict(provenance)
        self.training_dir = Path(training_dir) if training_dir is not None else self.output_dir
        self.bootstrap = bootstrap
        self.seed = seed
        self.rows: dict[str, dict[str, Any]] = {}
        self._probabilities: dict[str, dict[str, list[float]]] = {}

    def add_case(self, case_id: str, row: Mapping[str, Any], probabilities: Mapping[str, Sequence[float]]) -> None:
        """Add a case.

        Args:
            case_id: its name.
            row: its label (from 0; None or -1: it has none) under each task's name, and what else is worth a column.
            probabilities: task to one value (of class 1) or one a class; tasks that the network lacks are left out.

        Raises:
            ValueError: if the case was added before.
        """
        if case_id in self.rows:
            raise ValueError(f"Case '{case_id}' is in the report already; are its data listed twice?")
        columns = dict(row)
        for task, values in probabilities.items():
            names = self.classes[task]
            if len(values) == 1:
                columns[f"{task}_probability"] = values[0]
            else:
                columns.update({f"{task}_probability_{n}": v for n, v in zip(names, values, strict=True)})
        self.rows[case_id] = columns
        self._probabilities[case_id] = {task: list(values) for task, values in probabilities.items()}

    def summary(self) -> dict[str, Any]:
        """Figures of each measure: "patients", "metrics" (a flat row a measure), "measures" (all figures)."""
        measures = {}
        for name, measure in self.measures.items():
            data = self._data(measure)
            if data is not None:
                task = measure["task"]
                measures[name] = classification_metrics(*data, self.classes[task], self.bootstrap, self.seed)
        metrics = {}
        for name, figures in measures.items():
            interval = {"low": figures["low"], "high": figures["high"]}
            metrics[f"auroc_{name}"] = {"mean": figures["auroc"], **interval, "n": figures["n"]}
            for key in ("accuracy", "balanced_accuracy", "brier"):
                if key in figures:
                    metrics[f"{key}_{name}"] = {"mean": figures[key], "n": figures["n"]}
        return {"patients": len(self.rows), "metrics": metrics, "measures": measures}

    def write(self) -> Path:
        """Write the four files, each atomically.

        Returns:
            Path of the HTML file.
        """
        summary = self.summary()
        results = {"title": self.title, "summary": summary, "patients": self.rows, "provenance": self.provenance}
        write_json(self.output_dir / "evaluation.json", results)
        write_per_patient_csv(self.output_dir / "per_patient.csv", self.rows)
        write_summary_csv(self.output_dir / "summary.csv", summary)
        titles = {name: self.measures[name]["title"] for name in summary["measures"]}
        figures = summary["measures"]
        curves = self._curves(titles)
        page = render_html(
            "classification.html.j2",
            title=self.title,
            figures=key_figures(summary["patients"], figures, titles),
            sentences=sentences(summary["patients"], figures, titles),
            table=measure_table(figures, titles),
            roc=[chart for task in curves if (chart := roc_chart(task, curves[task])) is not None],
            calibration=[chart for task in curves if (chart := calibration_chart(task, curves[task])) is not None],
            confusion=[confusion_table(figures[name], titles[name]) for name in titles],
            errors=error_table(self.rows, self._worst()),
            training=training_charts(self.training_dir),
            limits=limits(summary["patients"], figures, titles),
            provenance=flatten(self.provenance),
        )
        path = self.output_dir / "report.html"
        write_atomic(path, page)
        return path

    def _data(self, measure: Mapping[str, str]) -> tuple[np.ndarray, np.ndarray] | None:
        """Labels and probabilities of the cases that count; None where the network lacks the task."""
        task, where = measure["task"], measure.get("where")
        if not any(task in values for values in self._probabilities.values()):
            return None
        counted = [
            case_id
            for case_id, row in self.rows.items()
            if row.get(task) not in (None, -1) and (where is None or row.get(where) == 1)
        ]
        labels = np.array([self.rows[case_id][task] for case_id in counted], int)
        return labels, np.array([self._probabilities[case_id][task] for case_id in counted], float)

    def _curves(self, titles: Mapping[str, str]) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
        """By task, then by what is drawn as one line: which cases are positive, and their scores."""
        curves: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
        for name, title in titles.items():
            task = self.measures[name]["task"]
            data = self._data(self.measures[name])
            assert data is not None  # it has a title
            labels, probabilities = data
            if len(self.classes[task]) == 2:
                curves.setdefault(task, {})[title] = (labels == 1, probabilities.reshape(len(labels), -1)[:, -1])
            else:
                for c, class_name in enumerate(self.classes[task]):
                    curves.setdefault(task, {})[class_name] = (labels == c, probabilities[:, c])
        return curves

    def _worst(self) -> dict[str, list[tuple[str, float]]]:
        """By task, the cases by the probability that their own class was given, lowest first."""
        worst: dict[str, list[tuple[str, float]]] = {}
        for case_id, row in self.rows.items():
            for task, values in self._probabilities[case_id].items():
                label = row.get(task)
                if label not in (None, -1):
                    full = [1 - values[0], values[0]] if len(values) == 1 else values
                    worst.setdefault(task, []).append((case_id, full[label]))
        return {task: sorted(cases, key=lambda case: case[1]) for task, cases in worst.items()}
