# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""By which metric a task is compared, and its value in an evaluation's summary."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["TaskMetric", "metric_value", "summary_value"]


@dataclass(frozen=True)
class TaskMetric:
    """The metric by which a task is compared.

    Attributes:
        metric: its name in the evaluation's summary; "a::b" is b within a.
        title: as the table prints it, with its unit, such as "Dice (%)".
        higher_is_better: the sign in equation 3.
        case_metric: the column of the evaluation's cases whose mean is the metric; by default ``metric``.
        case_class: the column with a case's class, where each class counts alike in that mean, as in balanced accuracy.
        case_scale: from the column's unit to that of the title, such as 100 for "correct", which is 0 or 1.
        scale: from the metric's unit to that of the title.
        also: further metrics to state without comparing them, title to name.
        digits: decimals that the methods differ by.
    """

    metric: str
    title: str
    higher_is_better: bool
    case_metric: str = ""
    case_class: str = ""
    case_scale: float = 1.0
    scale: float = 1.0
    also: Mapping[str, str] = field(default_factory=dict)
    digits: int = 2


def metric_value(summary: Mapping[str, Any], metric: TaskMetric, name: str = "") -> float | None:
    """A metric of an evaluation's ``summary`` in the unit of its title.

    Args:
        summary: of the evaluation.
        metric: the task's.
        name: one of those in ``metric.also``; by default the compared one.

    Returns:
        the value; None where there is none.
    """
    value = summary_value(summary, name or metric.metric)
    return None if value is None else value * metric.scale


def summary_value(summary: Mapping[str, Any], metric: str) -> float | None:
    """A metric of an evaluation's ``summary``; "a::b" is b within a. None where there is none."""
    found: Any = summary.get("metrics", {}).get(metric)
    if found is None:
        found = summary
        for key in metric.split("::"):
            found = found.get(key) if isinstance(found, Mapping) else None
    value = found.get("mean") if isinstance(found, Mapping) else found
    return None if value is None else float(value)
