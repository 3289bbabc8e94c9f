# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ctan_monai.metrics.task_metric import TaskMetric, metric_value
from ctan_monai.reports.training_curves import read_log
from ctan_monai.utils.errors import DataError, content_of
from ctan_monai.utils.files import parse_json

from .plan import Run
from .table import Result

_OF_A_RESULT = ("row", "seed", "values", "cases", "parameters", "training_seconds", "validation_seconds")


def collect_result(
    folder: Path, run: Run, settings: Mapping[str, Any], metrics: Mapping[str, TaskMetric]
) -> dict[str, Any]:
    """All that the table needs of a finished run, out of its folder.

    Args:
        folder: with ``evaluation/evaluation.json``, ``training.json`` and the two logs.
        run: what was run.
        settings: with which it was run.
        metrics: task to its metric.

    Raises:
        DataError: the evaluation lacks a task's metric.
    """
    path = folder / "evaluation" / "evaluation.json"
    with content_of(f"{path}, or training.json beside its folder", "Remove the run's folder, and it is done again."):
        return _collect(path, folder, run, settings, metrics)


def _collect(
    path: Path, folder: Path, run: Run, settings: Mapping[str, Any], metrics: Mapping[str, TaskMetric]
) -> dict[str, Any]:
    evaluation = parse_json(path.read_text())
    training = parse_json((folder / "training.json").read_text())
    values, cases = {}, {}
    for task in run.tasks:
        metric = metrics[task]
        value = metric_value(evaluation["summary"], metric)
        if value is None:
            known = sorted({*evaluation["summary"], *evaluation["summary"].get("metrics", {})})
            raise DataError(f"{path}: has no '{metric.metric}' for the task '{task}'; it has {', '.join(known)}.")
        values[task] = value
        cases[task] = case_values(evaluation.get("patients") or evaluation.get("images") or {}, metric)
    return {
        "row": run.row,
        "seed": run.seed,
        "values": values,
        "cases": cases,
        "parameters": training["parameters"],
        "training_seconds": _median_seconds(folder / "training_log.csv"),
        "validation_seconds": _median_seconds(folder / "validation_log.csv"),
        "line": run.row if len(run.tasks) > 1 else f"{run.row} {run.tasks[0]}",
        "training_log": read_log(folder / "training_log.csv"),
        "validation_log": read_log(folder / "validation_log.csv"),
        "settings": dict(settings),
        "summary": evaluation["summary"],
        "training": training,
        "evaluation": evaluation["provenance"],
    }


def load_result(path: Path, run: Run) -> dict[str, Any]:
    """The content of a run's result file.

    Raises:
        DataError: it is not such a file, or that of another run or bundle.
    """
    try:
        content = parse_json(path.read_text())
        missing = {*_OF_A_RESULT, "settings", "summary", "training", "training_log"} - set(content)
        if not isinstance(content, dict) or missing:
            raise ValueError(f"it lacks {', '.join(sorted(missing)) or 'everything'}")
        if not all(isinstance(content[name], dict) for name in ("settings", "summary", "training")):
            raise ValueError("its settings, summary or training are not objects")
        found = (content["row"], content["seed"], sorted(content["values"]), sorted(content["cases"]))
        expected = (run.row, run.seed, sorted(run.tasks), sorted(run.tasks))
        if found != expected:
            raise ValueError(f"it is of {found[0]}, seed {found[1]}, tasks {', '.join(found[2])}")
        for task, value in content["values"].items():
            if not math.isfinite(value):
                raise ValueError(f"its {task} is {value}")
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"{path}: is not a result of {run.row}, seed {run.seed}, with the tasks {', '.join(run.tasks)} ({error}). "
            "Remove it, and the run is done again; or give another --results."
        ) from error
    return content


def read_result(content: Mapping[str, Any], metrics: Mapping[str, TaskMetric]) -> Result:
    """A run's result file, as the table needs it.

    Args:
        content: of the file.
        metrics: task to its metric.
    """
    also = {
        task: {
            title: value
            for title, name in metrics[task].also.items()
            if (value := metric_value(content["summary"], metrics[task], name)) is not None
        }
        for task in content["values"]
    }
    return Result(**{name: content[name] for name in _OF_A_RESULT}, also=also)


def case_values(cases: Mapping[str, Mapping[str, Any]], metric: TaskMetric) -> dict[str, float]:
    """The values whose mean over the cases is the metric: where each class counts alike, a case of a rare one counts
    more."""
    column = metric.case_metric or metric.metric
    found = {case: row for case, row in cases.items() if row.get(column) is not None}
    if not metric.case_class:
        return {case: row[column] * metric.case_scale for case, row in found.items()}
    sizes = Counter(row[metric.case_class] for row in found.values())
    weights = {name: len(found) / (len(sizes) * size) for name, size in sizes.items()}
    return {case: row[column] * metric.case_scale * weights[row[metric.case_class]] for case, row in found.items()}


def _median_seconds(log: Path) -> float:
    seconds = read_log(log).get("seconds")
    return statistics.median(seconds) if seconds else 0.0
