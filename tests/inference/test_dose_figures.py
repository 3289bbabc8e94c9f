# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Dose-volume figures, coverage and organ limits, by numbers worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import REPOSITORY

from ctan_monai.inference import (
    LIMIT_SOURCES,
    ORGAN_LIMITS,
    check_dose,
    dose_volume_figure,
    figure_name,
    judged_voxels,
    organ_doses,
    target_coverage,
)

SPACING = (5.0, 5.0, 4.0)  # 0.1 cc


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("mean", 50.0),
        ("D_95", 5.0),  # 96 of the 101 voxels have at least 5 Gy
        ("D_98", 2.0),
        ("D_2", 98.0),
        ("D_0.1_cc", 99.0),  # one voxel of 101: the percentile 99.01
        ("V_50", 100 * 51 / 101),
        ("V_100.5", 0.0),
    ],
)
def test_figures_of_a_ramp(figure: str, value: float) -> None:
    assert dose_volume_figure(np.arange(101.0), figure, SPACING) == pytest.approx(value, abs=0.011)


@pytest.mark.parametrize("figure", ["D_95_cc", "V_", "median", "D_101", ""])
def test_an_unknown_figure_is_refused(figure: str) -> None:
    with pytest.raises(ValueError, match="unknown dose-volume figure"):
        dose_volume_figure(np.arange(3.0), figure, SPACING)


def volume(doses: list[float]) -> np.ndarray:
    return np.asarray(doses, np.float32).reshape(-1, 1, 1)


def voxels(count: int, *indices: slice) -> np.ndarray:
    mask = np.zeros((count, 1, 1), bool)
    for index in indices:
        mask[index] = True
    return mask


def test_a_target_is_covered_where_95_percent_of_it_get_95_percent() -> None:
    """21 voxels: the 5th percentile is the second lowest."""
    dose = volume([60.0, 66.5, *[70.0] * 18, 73.0])
    (found,) = target_coverage(dose, {"PTV70": (70.0, voxels(21, slice(None)))}, SPACING).values()
    assert found["covered"] is True
    assert found["d95_gy"] == pytest.approx(66.5)
    assert found["d98_gy"] == pytest.approx(
        60 + 0.4 * 6.5
    )  # percentile 2: 0.4 of the way from the lowest to the second
    assert found["d2_gy"] == pytest.approx(70 + 0.6 * 3)
    assert found["v95_percent"] == pytest.approx(100 * 20 / 21)
    assert found["volume_cc"] == pytest.approx(2.1)
    dose[1] = 66.4
    (found,) = target_coverage(dose, {"PTV70": (70.0, voxels(21, slice(None)))}, SPACING).values()
    assert found["covered"] is False
    assert found["v95_percent"] == pytest.approx(100 * 19 / 21)


def test_a_dose_at_the_limit_counts_whatever_float32_makes_of_it() -> None:
    dose = volume([59.85] * 4)  # 95 % of 63 Gy; as float32 a little less
    assert float(dose[0, 0, 0]) < 0.95 * 63
    (found,) = target_coverage(dose, {"PTV63": (63.0, voxels(4, slice(None)))}, SPACING).values()
    assert (found["covered"], found["v95_percent"]) == (True, 100.0)


def test_what_lies_in_a_higher_target_is_left_out_of_a_lower_one() -> None:
    dose = volume([*[70.0] * 4, *[56.0] * 6])
    targets = {"low": (56.0, voxels(10, slice(None))), "high": (70.0, voxels(10, slice(0, 4)))}
    found = target_coverage(dose, targets, SPACING)
    assert list(found) == ["high", "low"]
    assert found["low"]["d2_gy"] == 56.0, "not the 70 Gy of the higher target"
    assert (found["low"]["volume_cc"], found["low"]["left_out_cc"]) == (pytest.approx(0.6), pytest.approx(0.4))
    assert found["high"]["left_out_cc"] == 0
    dose[4:] = 40.0
    assert [row["covered"] for row in target_coverage(dose, targets, SPACING).values()] == [True, False]


def test_targets_of_one_dose_keep_what_they_share_and_one_within_another_has_no_figures() -> None:
    targets = {
        "a": (60.0, voxels(6, slice(0, 3))),
        "b": (60.0, voxels(6, slice(2, 5))),
        "inside": (50.0, voxels(6, slice(1, 4))),
    }
    kept = judged_voxels(targets)
    assert [int(kept[name].sum()) for name in ("a", "b", "inside")] == [3, 3, 0]
    found = target_coverage(volume([60.0] * 6), targets, SPACING)["inside"]
    assert (found["d95_gy"], found["covered"], found["left_out_cc"]) == (None, None, pytest.approx(0.3))
    targets["a"] = (60.0, voxels(6, slice(None)))
    _, warnings = check_dose(volume([0.0] * 6), {}, targets, SPACING)
    assert [warning.partition(": ")[0] for warning in warnings] == [
        f"The predicted dose misses the prescription of {name}" for name in ("a", "b")
    ]


def test_every_organ_of_the_bundles_has_a_cited_limit() -> None:
    for bundle, without in (("openkbp", set()), ("prostate", {"ctv"})):
        config = json.loads((REPOSITORY / "bundles" / bundle / "configs" / "inference.json").read_text())
        assert set(config["label_names"]) - {limit.organ for limit in ORGAN_LIMITS} == without
    assert {limit.source for limit in ORGAN_LIMITS} == set(LIMIT_SOURCES)


def test_organ_doses_beside_their_limits() -> None:
    dose = volume([*[55.0] * 2, *[49.0] * 2])
    found = organ_doses(dose, {"brainstem": voxels(4, slice(0, 2)), "spinal_cord": voxels(4, slice(2, 4))}, SPACING)
    assert found["brainstem"] == [
        {"figure": "D_0.1_cc", "value": 55.0, "limit": 54.0, "unit": "Gy", "exceeded": True, "source": "Mayo 2010"}
    ]
    assert not found["spinal_cord"][0]["exceeded"]
    report, warnings = check_dose(dose, {"brainstem": voxels(4, slice(0, 2)), "larynx": voxels(4)}, {}, SPACING)
    assert list(report) == ["organ_doses"] and list(report["organ_doses"]) == ["brainstem"]
    assert warnings == [
        "The predicted dose in the brainstem is above a usual limit: D0.1cc is 55.0 Gy, usually at most 54 (Mayo 2010)."
    ]


@pytest.mark.parametrize(
    ("right", "left", "exceeded"),
    [(26.0, 26.0, [True, True]), (40.0, 19.0, [False, False]), (24.0, 26.0, [False, True])],
)
def test_one_spared_parotid_is_enough(right: float, left: float, exceeded: list[bool]) -> None:
    masks = {"right_parotid": voxels(2, slice(0, 1)), "left_parotid": voxels(2, slice(1, 2))}
    found = organ_doses(volume([right, left]), masks, SPACING)
    assert [found[name][0]["exceeded"] for name in masks] == exceeded


def test_volumes_of_the_rectum() -> None:
    dose = volume([*[76.0] * 2, *[66.0] * 2, *[10.0] * 6])
    found = organ_doses(dose, {"rectum": voxels(10, slice(None))}, SPACING)["rectum"]
    assert [(figure_name(f["figure"]), f["value"], f["exceeded"]) for f in found] == [
        ("V50", 40.0, False), ("V60", 40.0, True), ("V65", 40.0, True), ("V70", 20.0, False), ("V75", 20.0, True),
    ]  # fmt: skip
    assert {f["unit"] for f in found} == {"%"}
