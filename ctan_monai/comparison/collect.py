# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ctan_monai.comparison.plan import Run
from ctan_monai.comparison.table import Result, TaskMetric
from ctan_monai.errors import DataError
from ctan_monai.reports.training import read_log


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
    evaluation = json.loads(path.read_text())
    training = json.loads((folder / "training.json").read_text())
    values, cases = {}, {}
    for task in run.tasks:
        metric = metrics[task]
        value = summary_value(evaluation["summary"], metric.metric)
        if value is None:
            known = sorted({*evaluation["summary"], *evaluation["summary"].get("metrics", {})})
            raise DataError(f"{path}: has no '{metric.metric}' for the task '{task}'; it has {', '.join(known)}.")
        values[task] = value
        column = metric.case_metric or metric.metric
        cases_found = evaluation.get("patients") or evaluation.get("images") or {}
        rows = {case: row.get(column) for case, row in cases_found.items()}
        cases[task] = {case: value for case, value in rows.items() if value is not None}
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


def read_result(path: Path) -> Result:
    """A run's result file, as the table needs it."""
    content = json.loads(path.read_text())
    names = ("row", "seed", "values", "cases", "parameters", "training_seconds", "validation_seconds")
    return Result(**{name: content[name] for name in names})


def summary_value(summary: Mapping[str, Any], metric: str) -> float | None:
    """A metric of an evaluation's ``summary``; "a::b" is b within a. None where there is none."""
    found: Any = summary.get("metrics", {}).get(metric)
    if found is None:
        found = summary
        for key in metric.split("::"):
            found = found.get(key) if isinstance(found, Mapping) else None
    value = found.get("mean") if isinstance(found, Mapping) else found
    return None if value is None else float(value)


def _median_seconds(log: Path) -> float:
    seconds = read_log(log).get("seconds")
    return statistics.median(seconds) if seconds else 0.0
