# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The comparison on complete test cases alone, as the paper has it (caption of figure 1)."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ctan_monai.metrics import TaskMetric

from .collect import case_values
from .table import Result

__all__ = ["complete_cases", "complete_results"]

CLINICAL = ("age", "sex", "localization")  # of HAM10000, which writes "unknown" or nothing


def complete_cases(cases: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The complete ones of a data list's cases, by name.

    A patient is complete where all structures of the segmentation are contoured; a dermatoscopic image where age, sex
    and localization are known.
    """
    return {str(case["case_id"]): case for case in cases if _contoured(case) and _known(case.get("facts", {}))}


def complete_results(
    results: Sequence[Result], metrics: Mapping[str, TaskMetric], complete: Mapping[str, Mapping[str, Any]]
) -> list[Result]:
    """The same runs measured on complete cases alone; without the metrics that are stated beside the compared ones.

    Args:
        results: finished runs. A task whose metric has no values of single cases is left out.
        metrics: task to its metric.
        complete: of :py:func:`complete_cases`; a case's entry under the task's name is its class.
    """
    found = []
    for result in results:
        cases = {task: _restrict(values, task, metrics[task], complete) for task, values in result.cases.items()}
        cases = {task: values for task, values in cases.items() if values}
        means = {task: statistics.fmean(values.values()) for task, values in cases.items()}
        found.append(dataclasses.replace(result, values=means, cases=cases, also={}))
    return found


def _restrict(
    values: Mapping[str, float], task: str, metric: TaskMetric, complete: Mapping[str, Mapping[str, Any]]
) -> dict[str, float]:
    kept = {case: value for case, value in values.items() if case in complete}
    if not metric.case_class:
        return kept
    # a class counts alike whatever its size, and sizes have changed: a case that is wrong has 0, a right one its weight
    column = metric.case_metric or metric.metric
    rows = {case: {column: float(value > 0), metric.case_class: complete[case][task]} for case, value in kept.items()}
    return case_values(rows, metric)


def _contoured(case: Mapping[str, Any]) -> bool:
    present = case.get("segmentation_present", 1)
    return all(present) if isinstance(present, list) else bool(present)


def _known(facts: Mapping[str, Any]) -> bool:
    return "lesion_id" not in facts or all(facts.get(name) not in (None, "", "unknown") for name in CLINICAL)
