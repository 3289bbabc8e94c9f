# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Trivial baselines in the tables, by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from test_table import METRICS, results

from ctan_monai.comparison import baseline_rows, compare_baselines, comparison_table, further_rows, table_rows
from ctan_monai.utils.errors import DataError


def baseline(path: Path, dice: dict[str, float]) -> Path:
    summary = {"metrics": {"dice": {"mean": sum(dice.values()) / len(dice)}, "jaccard": {"mean": 0.25}}}
    content = {"name": "Atlas", "summary": summary, "patients": {case: {"dice": value} for case, value in dice.items()}}
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def compared(tmp_path: Path) -> list[dict[str, Any]]:
    """STL is better by 10, 15 and 20: mean 15, t interval 15 +- 4.303 * 5 / sqrt(3), p = 2 / 8."""
    return compare_baselines([baseline(tmp_path / "b.json", {"a": 40.0, "b": 45.0, "c": 50.0})], results(), METRICS)


def test_differences_are_method_minus_baseline(compared: list[dict[str, Any]]) -> None:
    (found,) = compared
    assert list(found["tasks"]) == ["segmentation"], "it has no dose"
    stl = found["tasks"]["segmentation"]["differences"]["stl"]
    assert (stl["mean"], stl["low"], stl["high"]) == pytest.approx((15, 2.579, 27.421), abs=1e-3)
    assert [row["method - trivial baseline"] for row in baseline_rows(compared, METRICS)] == [
        "STL - Atlas", "CTAN (dwa) - Atlas"
    ]  # fmt: skip


def test_a_baseline_is_a_row_of_the_table(compared: list[dict[str, Any]]) -> None:
    table = comparison_table(results(), METRICS)
    row = table_rows(table, METRICS, None, compared)[-1]
    assert {column: cell for column, cell in row.items() if cell} == {
        "method": "Atlas",
        "segmentation: Dice (%)": "45.00",
        "segmentation: difference to STL [95 % interval], p of these networks": "-15.00 [-27.42, -2.58], p = 0.25",
    }
    assert further_rows(table, METRICS, compared)[-1] == {"method": "Atlas", "segmentation: Jaccard": "0.25"}


def test_a_baseline_of_other_cases_is_refused(tmp_path: Path) -> None:
    path = baseline(tmp_path / "b.json", {"x": 40.0, "y": 45.0})
    with pytest.raises(DataError, match=r"b\.json: shares no test case with stl"):
        compare_baselines([path], results(), METRICS)
