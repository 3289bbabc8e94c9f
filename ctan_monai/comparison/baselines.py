# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Trivial baselines beside the methods: a method that is not better has learned nothing that the baseline lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ctan_monai.metrics import TaskMetric, metric_value
from ctan_monai.utils.errors import DataError, content_of
from ctan_monai.utils.files import parse_json

from .collect import case_values
from .contrasts import contrast
from .table import Result

__all__ = ["compare_baselines"]


def compare_baselines(
    paths: Sequence[Path],
    results: Sequence[Result],
    metrics: Mapping[str, TaskMetric],
    units: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Each method against each baseline, by task.

    Args:
        paths: result files of the baselines' tools, on the same test cases.
        results: finished runs.
        metrics: task to its metric.
        units: case to its independent unit; by default each case.

    Returns:
        for each baseline ``name``, ``file`` and ``tasks``: task to ``mean``, ``also`` (title to value) and
        ``differences`` (row of the table to a :py:class:`Contrast`, method minus baseline). Tasks that a baseline does
        not have are left out.

    Raises:
        DataError: a file holds no baseline result, or one of other test cases.
    """
    rows = list(dict.fromkeys(result.row for result in results))
    found = []
    for path in paths:
        try:
            content = parse_json(path.read_text())
            summary, cases = content["summary"], content.get("patients") or content["images"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path}: cannot be read as a baseline result ({error!r}). Give a file that its tool wrote."
            ) from error
        tasks: dict[str, Any] = {}
        for task, metric in metrics.items():
            with content_of(path, "Give a file that its tool wrote."):
                mean = metric_value(summary, metric)
                if mean is None:
                    continue
                values = case_values(cases, metric)
            differences = {}
            for row in rows:
                own = [result.cases[task] for result in results if result.row == row and task in result.cases]
                if own and not set(own[0]) & set(values):
                    raise DataError(f"{path}: shares no test case with {row}. Make it on the same data.")
                difference = contrast(own, [values], units) if own else None
                if difference is not None:
                    differences[row] = difference.as_dict()
            also = {title: metric_value(summary, metric, name) for title, name in metric.also.items()}
            tasks[task] = {"mean": mean, "also": also, "differences": differences}
        name = str(content.get("name") or content.get("title") or path.stem)
        found.append({"name": name, "file": path.name, "tasks": tasks})
    return found
