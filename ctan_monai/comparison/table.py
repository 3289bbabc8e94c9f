# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The table of a comparison: the paper's Table 2, with its uncertainty."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ctan_monai.metrics import mean_relative_performance, rank, relative_performance
from ctan_monai.metrics.task_metric import TaskMetric

from .contrasts import contrast, holm, leave_one_out, relative_contrast

BASELINE = "stl"


@dataclass
class Result:
    """A finished run, as the table needs it.

    Attributes:
        row: the row of the table it belongs to.
        seed: its seed.
        values: task to the metric's value over all test cases.
        cases: task to {case: value}, where the metric is a mean over cases.
        parameters: trainable numbers of its network.
        training_seconds: of one epoch.
        validation_seconds: of one pass over the validation cases.
        also: task to {title: value} of the metrics that are stated without comparing them.
    """

    row: str
    seed: int
    values: Mapping[str, float]
    cases: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    parameters: int = 0
    training_seconds: float = 0.0
    validation_seconds: float = 0.0
    also: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def comparison_table(
    results: Sequence[Result], metrics: Mapping[str, TaskMetric], units: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """One row a method, STL first if it is there.

    STL is one network a task: the parameters and times of its networks are added up.

    Args:
        results: finished runs; those of STL have one task each.
        metrics: task to its metric, in the order of the table.
        units: case to its independent unit, such as the lesion of an image; by default each case.

    Returns:
        rows with, for each task, ``mean``, ``std`` (over seeds; None with one seed), ``seeds``, ``values``, ``also``
        (title to ``mean`` and ``std``), ``difference`` (to STL by equation 3 on the means over seeds, in %) and
        ``paired`` (a :py:class:`Contrast` to STL); and ``mean_difference``, ``relative`` (its contrast),
        ``leave_one_out`` (its range without one case), ``rank``, ``parameters_million``, ``training_seconds``,
        ``validation_seconds``. What cannot be had yet is None.
    """
    names = sorted({r.row for r in results}, key=lambda name: (name != BASELINE, _order(name)))
    rows = [_row(name, [r for r in results if r.row == name], metrics) for name in names]
    baseline = next((row for row in rows if row["method"] == BASELINE), None)
    for row in rows:
        _compare(row, baseline, metrics)
        pair = None if baseline is None or row is baseline else (row["method"], BASELINE)
        signs = {task: metric.higher_is_better for task, metric in metrics.items()}
        row["relative"] = row["leave_one_out"] = None
        for task in metrics:
            row["tasks"][task]["paired"] = None
        if pair:
            own, base = ({task: _cases(results, name, task) for task in metrics} for name in pair)
            for task in metrics:
                found = contrast(own[task], base[task], units)
                row["tasks"][task]["paired"] = found and found.as_dict()
            relative = relative_contrast(own, base, signs, units)
            row["relative"] = relative and relative.as_dict()
            row["leave_one_out"] = leave_one_out(own, base, signs)
    complete = {r["method"]: r["mean_difference"] for r in rows if r["mean_difference"] is not None}
    ranks = rank(complete)
    for row in rows:
        row["rank"] = ranks.get(row["method"])
    return rows


def all_contrasts(
    results: Sequence[Result], metrics: Mapping[str, TaskMetric], units: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Each method against each other one, by task.

    Args:
        results: finished runs.
        metrics: task to its metric.
        units: see :py:func:`comparison_table`.

    Returns:
        rows with ``task``, ``method``, ``other``, the entries of a :py:class:`Contrast`, and ``p_holm``, Holm's p value
        over all pairs of the task.
    """
    names = sorted({r.row for r in results}, key=lambda name: (name != BASELINE, _order(name)))
    rows = []
    for task in metrics:
        pairs = []
        for other, method in itertools.combinations(names, 2):
            found = contrast(_cases(results, method, task), _cases(results, other, task), units)
            if found is not None:
                pairs.append({"task": task, "method": method, "other": other, **found.as_dict()})
        adjusted = holm([pair["p"] for pair in pairs])
        rows += [{**pair, "p_holm": p} for pair, p in zip(pairs, adjusted, strict=True)]
    return rows


def _order(name: str) -> tuple[int, str]:
    methods = ("stl", "hps", "mtan", "ctan")
    method = name.split("_")[0]
    return (methods.index(method) if method in methods else len(methods), name)


def _row(name: str, results: Sequence[Result], metrics: Mapping[str, TaskMetric]) -> dict[str, Any]:
    tasks = {}
    for task, metric in metrics.items():
        values = {r.seed: r.values[task] for r in results if task in r.values}
        found = [r.also[task] for r in results if task in r.also]
        tasks[task] = {
            **_mean_and_std(list(values.values())),
            "seeds": sorted(values),
            "values": [values[seed] for seed in sorted(values)],
            "also": {title: _mean_and_std([f[title] for f in found if title in f]) for title in metric.also},
        }
    seeds = sorted({r.seed for r in results})
    by_seed = [[r for r in results if r.seed == seed] for seed in seeds]

    def total(attribute: str) -> float:
        return float(statistics.median(sum(getattr(r, attribute) for r in group) for group in by_seed))

    return {
        "method": name,
        "tasks": tasks,
        "parameters_million": total("parameters") / 1e6,
        "training_seconds": total("training_seconds"),
        "validation_seconds": total("validation_seconds"),
    }


def _mean_and_std(values: Sequence[float]) -> dict[str, float | None]:
    return {
        "mean": statistics.fmean(values) if values else None,
        "std": statistics.stdev(values) if len(values) > 1 else None,
    }


def _compare(row: dict[str, Any], baseline: dict[str, Any] | None, metrics: Mapping[str, TaskMetric]) -> None:
    own, base = _means(row, metrics), _means(baseline, metrics)
    signs = {task: metric.higher_is_better for task, metric in metrics.items()}
    for task in metrics:
        known = task in own and base.get(task, 0) > 0
        row["tasks"][task]["difference"] = relative_performance(own[task], base[task], signs[task]) if known else None
    whole = all(row["tasks"][task]["difference"] is not None for task in metrics)
    row["mean_difference"] = mean_relative_performance(own, base, signs) if whole else None


def _means(row: dict[str, Any] | None, metrics: Mapping[str, TaskMetric]) -> dict[str, float]:
    means = {task: row["tasks"][task]["mean"] for task in metrics} if row else {}
    return {task: mean for task, mean in means.items() if mean is not None}


def _cases(results: Sequence[Result], row: str, task: str) -> list[Mapping[str, float]]:
    return [r.cases[task] for r in results if r.row == row and task in r.cases]
