# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from ctan_monai.metrics import mean_relative_performance, rank, relative_performance


@pytest.mark.parametrize(
    ("value", "baseline", "higher_is_better", "published"),
    [
        # paper, table 2: metrics have two decimals, hence the tolerance
        (71.59, 71.29, True, 0.42),  # OpenKBP, CTAN, Dice
        (66.09, 71.29, True, -7.30),  # OpenKBP, MTAN, Dice
        (82.40, 81.96, True, 0.54),  # Prostate, CTAN, Dice
        (92.21, 92.83, True, -0.68),  # HAM10000, HPS, Dice
        (55.49, 49.24, True, 12.69),  # HAM10000, HPS, accuracy
        (57.85, 49.24, True, 17.49),  # HAM10000, CTAN, accuracy
        (63.84, 71.88, True, -11.18),  # STOIC, HPS, AUROC
        (64.66, 55.83, True, 15.81),  # STOIC, CTAN, severity AUROC
    ],
)
def test_rows_of_the_paper(value, baseline, higher_is_better, published):
    assert relative_performance(value, baseline, higher_is_better) == pytest.approx(published, abs=0.02)


@pytest.mark.parametrize(("value", "published"), [(0.51, 3.56), (0.53, 0.31), (0.56, -5.29)])
def test_dose_rows_of_the_paper_lie_within_rounding(value, published):
    # OpenKBP dose errors of CTAN, HPS and MTAN against 0.53 of STL, each rounded to 0.01 Gy
    worst = relative_performance(value + 0.005, 0.53 - 0.005, higher_is_better=False)
    best = relative_performance(value - 0.005, 0.53 + 0.005, higher_is_better=False)
    assert worst <= published <= best


def test_sign_by_hand():
    assert relative_performance(60.0, 50.0, higher_is_better=True) == pytest.approx(20.0)
    assert relative_performance(60.0, 50.0, higher_is_better=False) == pytest.approx(-20.0)


def test_mean_over_tasks_of_the_paper():
    baseline = {"segmentation": 92.83, "diagnosis": 49.24}
    higher = {"segmentation": True, "diagnosis": True}
    ctan = mean_relative_performance({"segmentation": 92.91, "diagnosis": 57.85}, baseline, higher)
    hps = mean_relative_performance({"segmentation": 92.21, "diagnosis": 55.49}, baseline, higher)
    assert ctan == pytest.approx(8.79, abs=0.02)
    assert hps == pytest.approx(6.01, abs=0.02)


def test_ranks_of_the_paper():
    assert rank({"stl": 0.0, "hps": -0.10, "mtan": -6.29, "ctan": 1.99}) == {"stl": 2, "hps": 3, "mtan": 4, "ctan": 1}


def test_equal_values_share_a_rank():
    assert rank({"a": 1.0, "b": 2.0, "c": 2.0}) == {"a": 3, "b": 1, "c": 1}


@pytest.mark.parametrize("baseline", [0.0, -1.0, float("nan")])
def test_a_baseline_that_cannot_be_divided_by_is_an_error(baseline):
    with pytest.raises(ValueError, match="must be positive"):
        relative_performance(1.0, baseline, higher_is_better=True)


def test_tasks_that_differ_are_an_error():
    with pytest.raises(ValueError, match="same tasks"):
        mean_relative_performance({"dose": 1.0}, {"segmentation": 1.0}, {"dose": False})
