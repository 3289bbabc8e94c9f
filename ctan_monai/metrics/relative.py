# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Relative performance of a multi-task model against single-task models, and ranks from it."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["mean_relative_performance", "rank", "relative_performance"]


def relative_performance(value: float, baseline: float, higher_is_better: bool) -> float:
    r"""Relative difference of one task's metric to the baseline's, in % (paper, equation 3).

    .. math:: \Delta_{task} = 100\,\frac{(-1)^{l} (M_b - M_m)}{M_b}

    Args:
        value: :math:`M_m`, the metric of the model.
        baseline: :math:`M_b`, the metric of the baseline (the paper's: STL).
        higher_is_better: :math:`l`, 1 where a higher metric is better (Dice, accuracy, AUROC), 0 where it is worse
            (dose error).

    Returns:
        The difference in %, positive where the model is better than the baseline.

    Raises:
        ValueError: if `baseline` is not positive.
    """
    if not baseline > 0:
        raise ValueError(f"Equation 3 divides by the baseline's metric, which must be positive; it is {baseline}.")
    return float(100.0 * (-1) ** int(higher_is_better) * (baseline - value) / baseline)


def mean_relative_performance(
    values: Mapping[str, float], baseline: Mapping[str, float], higher_is_better: Mapping[str, bool]
) -> float:
    """Mean of :func:`relative_performance` over tasks, in % (paper, table 2, column "mean").

    Args:
        values: the model's metric by task.
        baseline: the baseline's metric by task, same tasks.
        higher_is_better: by task.

    Raises:
        ValueError: if there is no task, or the tasks differ.
    """
    if not values or values.keys() != baseline.keys():
        raise ValueError(f"A model and its baseline need the same tasks: {sorted(values)} and {sorted(baseline)}.")
    differences = [relative_performance(values[task], baseline[task], higher_is_better[task]) for task in values]
    return sum(differences) / len(differences)


def rank(mean_differences: Mapping[str, float]) -> dict[str, int]:
    """Rank methods by mean relative performance, best first from 1; equal values share the better rank.

    Args:
        mean_differences: in %, by method. The baseline itself belongs in it, with 0.
    """
    values = mean_differences.values()
    return {method: 1 + sum(other > own for other in values) for method, own in mean_differences.items()}
