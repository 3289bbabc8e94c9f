# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Equation 3 on every row of the paper's Table 2."""

from __future__ import annotations

import itertools
import statistics

import pytest

from ctan_monai.comparison import paper_rows
from ctan_monai.metrics import rank, relative_performance

DATASETS = ("prostate", "openkbp", "ham10000", "stoic")
METHODS = ("stl", "hps", "mtan", "ctan")
# what the printed metrics give in these two cells is 1.61 and -0.59; no rounding of theirs gives what is printed
CANNOT = {("prostate", "hps", "segmentation"): 1.61, ("openkbp", "hps", "segmentation"): -0.59}
ROWS = {(r["dataset"], r["method"], r["task"]): r for r in paper_rows()}


def limits(row: dict) -> tuple[float, float]:
    """Of equation 3, if each printed metric may be anything that rounds to it."""
    baseline = ROWS[row["dataset"], "stl", row["task"]]["value"]
    higher = row["metric"] != "mae"
    corners = [
        relative_performance(row["value"] + a, baseline + b, higher)
        for a, b in itertools.product((-0.005, 0.005), repeat=2)
    ]
    return min(corners), max(corners)


def test_the_table_is_whole() -> None:
    assert len(ROWS) == len(DATASETS) * len(METHODS) * 2
    assert {r["dataset"] for r in ROWS.values()} == set(DATASETS)


@pytest.mark.parametrize("key", [k for k in ROWS if k[1] != "stl"], ids="-".join)
def test_differences_lie_within_what_rounding_allows(key: tuple[str, str, str]) -> None:
    row = ROWS[key]
    low, high = limits(row)
    fits = low - 0.005 <= row["difference"] <= high + 0.005
    assert fits == (key not in CANNOT), f"{row['difference']} and {low:.3f}..{high:.3f}"
    if key in CANNOT:
        baseline = ROWS[key[0], "stl", key[2]]["value"]
        assert relative_performance(row["value"], baseline, True) == pytest.approx(CANNOT[key], abs=0.005)


@pytest.mark.parametrize("dataset", DATASETS)
def test_means_and_ranks_come_from_the_differences(dataset: str) -> None:
    means = {"stl": 0.0}
    for method in METHODS[1:]:
        rows = [r for r in ROWS.values() if (r["dataset"], r["method"]) == (dataset, method)]
        means[method] = statistics.fmean(r["difference"] for r in rows)
        assert means[method] == pytest.approx(rows[0]["mean_difference"], abs=0.0101)
    ranks = {
        method: next(r["rank"] for r in ROWS.values() if r["dataset"] == dataset and r["method"] == method)
        for method in METHODS
    }
    assert rank(means) == ranks
