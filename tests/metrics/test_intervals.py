# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Intervals of a difference of two scores on the same cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from monai.metrics import DiceMetric

from ctan_monai.data import independent_units
from ctan_monai.metrics import AUROC, BalancedAccuracy, DoseScore, case_rows, paired_interval
from ctan_monai.metrics.intervals import resampled_metric


def test_t_interval_by_hand() -> None:
    """Differences 1, 2, 3: mean 2, standard error 1 / sqrt(3), t of two degrees of freedom 4.30265."""
    whole, without = {"a": ("mean", np.array([2.0, 4.0, 6.0]))}, {"a": ("mean", np.array([1.0, 2.0, 3.0]))}
    assert paired_interval(whole, without) == pytest.approx([2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5], abs=1e-4)
    # lesions x (1 and 2) and y (3): 3 and 3 times 2/3, so 2 for each
    assert paired_interval(whole, without, ["x", "x", "y"]) == pytest.approx([2, 2])
    assert paired_interval(whole, without, ["x", "x", "x"]) is None
    assert paired_interval({"a": ("mean", np.array([1.0, np.nan]))}, {"a": ("mean", np.zeros(2))}) is None
    assert paired_interval({}, {}) is None


def test_bootstrap_interval_by_hand() -> None:
    """All of one class: right in the whole network, every second one wrong without: Binomial(40, 1/2) of 40 wrong.

    Its 2.5 % quantile is 14, its 97.5 % quantile 26. Of four lesions with ten images each, all four are drawn wrong
    with a probability of 1/16, so the interval goes from 0 to 1.
    """
    true = np.zeros(40)
    predicted = np.repeat([0, 1, 0, 1], 10)
    whole, without = (
        {"a": ("balanced_accuracy", np.stack([found, true], axis=1))} for found in (np.zeros(40), predicted)
    )
    assert paired_interval(whole, without) == pytest.approx([14 / 40, 26 / 40], abs=1 / 40)
    assert paired_interval(whole, without) == paired_interval(whole, without)
    assert paired_interval(whole, without, list(np.repeat(list("abcd"), 10))) == [0, 1]
    assert paired_interval(whole, without, ["a"] * 40) is None
    assert paired_interval(whole, whole) == [0, 0]


def test_a_score_is_the_mean_of_a_mean_and_of_a_metric_without_case_values() -> None:
    """Dice 0.5 higher in each case, accuracy the same: 0.25 in each resample, also where a case has no Dice."""
    rows = np.array([[0, 0], [1, 1], [1, 0]])
    whole, without = (
        {"a": ("mean", np.array([0.2, 0.3, np.nan]) + more), "b": ("balanced_accuracy", rows)} for more in (0.5, 0)
    )
    low, high = paired_interval(whole, without) or []
    assert high == pytest.approx(0.25) and low in (pytest.approx(0.25), 0)


@pytest.mark.parametrize(
    ("metric", "prediction", "label"),
    [
        (BalancedAccuracy(), torch.eye(3)[[0, 1, 2, 0, 1, 2]], torch.tensor([0, 0, 2, 2, 1, -1])),
        (AUROC(), torch.tensor([[0.1], [0.7], [0.4], [0.4], [0.9], [0.2]]), [[0], [1], [1], [0], [0], [float("nan")]]),
        (DoseScore(), torch.arange(6.0).reshape(6, 1, 1), torch.tensor([3.0, 2, 2, 2, 0, 4]).reshape(6, 1, 1)),
        (
            DiceMetric(include_background=False),
            torch.tensor([[1.0, 0, 1], [0, 1, 0]])[None].repeat(6, 1, 1),
            torch.stack([torch.tensor([[1.0, 0, b], [0, 1, 1 - b]]) for b in (0, 1, 0, 1, 1, 0)]),
        ),
    ],
)
def test_a_resample_has_the_metrics_own_value(metric: Any, prediction: torch.Tensor, label: Any) -> None:
    """The metric of the cases that were drawn, as often as they were drawn."""
    label = torch.as_tensor(label)
    drawn = np.array([[1, 1, 1, 1, 1, 1], [2, 0, 1, 3, 0, 0], [0, 2, 2, 0, 1, 1]], np.float32)
    metric(prediction, label)
    kind, rows = case_rows(metric, 6) or ("", np.zeros(0))
    for counts, value in zip(drawn.astype(int), resampled_metric(kind, rows, drawn), strict=True):
        metric.reset()
        index = np.repeat(np.arange(6), counts)
        metric(prediction[index], label[index])
        assert value == pytest.approx(float(metric.aggregate()), nan_ok=True), kind


def test_a_resample_of_one_class_has_no_auroc() -> None:
    rows = np.array([[0.3, 0], [0.6, 1]])
    values = resampled_metric("auroc", rows, np.array([[2, 0], [1, 1]], np.float32))
    assert np.isnan(values[0]) and values[1] == 1


def test_processes_that_validate_the_same_cases_do_not_multiply_them() -> None:
    metric = BalancedAccuracy()
    metric(torch.eye(2).repeat(2, 1), torch.tensor([0, 1, 0, 1]))
    assert case_rows(metric, 2)[1].tolist() == [[0, 0], [1, 1]]
    assert case_rows(object()) is None


def test_a_lesion_is_a_unit_and_else_the_case() -> None:
    cases = [{"case_id": "i1", "facts": {"lesion_id": "l"}}, {"case_id": "i2", "facts": {}}, {"case_id": "i3"}, {}]
    assert independent_units(cases) == ["l", "i2", "i3", "3"]
