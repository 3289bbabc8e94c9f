# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from ctan_monai.inference import ReportPlausibilityd, body_edges, check_plausibility
from ctan_monai.inference.plausibility import organ_edges

LABELS = {"brainstem": 1, "spinal_cord": 2}
RANGES = {
    "organ_volume_cc": {"brainstem": {"min": 1.0, "max": 2.0}, "spinal_cord": {"min": 0.5, "max": 9.0}},
    "body_volume_cc": {"min": 50.0, "max": 200.0},
    "max_dose_gy": {"min": 60.0, "max": 80.0},
    "mean_body_dose_gy": {"min": 5.0, "max": 30.0},
}


def case() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """10 x 10 x 10 voxels of 0.1 cc, all body; brainstem 1.5 cc, cord 0.8 cc; dose 70 Gy in 200 of 1,000 voxels."""
    labels, dose = np.zeros((10, 10, 10), np.uint8), np.zeros((10, 10, 10), np.float32)
    labels[0, 0, :], labels[0, 1, :5], labels[5, 5, :8] = 1, 1, 2
    dose[:2] = 70
    return labels, dose, np.ones((10, 10, 10), bool)


def check(labels: np.ndarray | None, dose: np.ndarray | None, body: np.ndarray | None) -> dict:
    return check_plausibility(labels, dose, (5.0, 5.0, 4.0), RANGES, LABELS, body)


def test_a_plausible_case_has_figures_and_no_warning() -> None:
    report = check(*case())
    assert report["plausible"] and report["usable"]
    assert report["warnings"] == [] and report["unusable_because"] == ""
    assert report["segmentation"] == {
        "brainstem": {"volume_cc": {"value": 1.5, "training_min": 1.0, "training_max": 2.0}},
        "spinal_cord": {"volume_cc": {"value": 0.8, "training_min": 0.5, "training_max": 9.0}},
    }
    assert report["dose"]["max_gy"]["value"] == 70
    assert report["dose"]["mean_body_gy"]["value"] == 14
    assert report["body"]["volume_cc"]["value"] == 100
    json.dumps(report)


def test_each_implausible_figure_has_a_sentence() -> None:
    labels, dose, body = case()
    labels[labels == 2] = 0
    labels[1] = 1
    body[:, :6] = False
    dose[dose > 0] = 90.5
    report = check(labels, dose, body)
    assert not report["plausible"]
    assert [w.split(":")[0] for w in report["warnings"][1:]] == [
        "The body's volume is 40.0 cc, outside the range of the training patients, 50.0 to 200.0 cc",
        "The volume of the brainstem is 11.5 cc, outside the range of the training patients, 1.0 to 2.0 cc",
        "The spinal cord was not found",
        "The maximum dose is 90.5 Gy, outside the range of the training patients, 60.0 to 80.0 Gy",
    ]
    dose[:] = 70
    assert "mean dose in the body is 70.0 Gy" in check(labels, dose, body)["warnings"][-1]


def test_no_body() -> None:
    labels, dose, body = case()
    report = check(labels, dose, np.zeros_like(body))
    assert "No body was found" in report["warnings"][0]
    assert not report["usable"] and report["unusable_because"] == report["warnings"][0]
    assert "mean_body_gy" not in report["dose"]


def test_another_part_of_the_body_is_said_first() -> None:
    labels, dose, body = case()
    nothing = check(labels * 0, dose + 90, body)
    assert nothing["warnings"][0] == (
        "2 of 2 structures were not found or have a size far from any training patient's: the scan probably shows "
        "another part of the body, or is of another kind, than those the network was trained on. Use none of its "
        "results."
    )
    assert len(nothing["warnings"]) == 5
    assert not nothing["usable"] and nothing["unusable_because"] == nothing["warnings"][0]
    assert nothing["segmentation"]["brainstem"]["volume_cc"] == {"value": 0, "training_min": 1, "training_max": 2}
    assert "far from any" not in check(labels * 0, dose, body & False)["warnings"][0], "there is no body"
    # a third of the smallest brainstem, a cord of usual size: half of the structures
    labels[labels == 1] = 0
    labels[0, 0, :3] = 1
    assert check(labels, dose, body)["warnings"][0].startswith("1 of 2 structures")
    assert not check(labels, dose, body)["usable"]
    labels[0, 0, :6] = 1  # small, but not absurd: its own warning is enough
    assert check(labels, dose, body)["usable"]
    assert [w[:27] for w in check(labels, dose, body)["warnings"]] == ["The volume of the brainstem"]


def test_a_figure_just_outside_shows_the_digit_that_says_so() -> None:
    labels, dose, body = case()
    dose[:2] = 80.004
    (warning,) = check(labels, dose, body)["warnings"]
    assert warning.startswith(
        "The maximum dose is 80.004 Gy, outside the range of the training patients, 60.000 to 80.000"
    )


def test_what_is_not_predicted_or_has_no_range_is_not_checked() -> None:
    labels, dose, _ = case()
    assert "dose" not in check(labels, None, None)
    assert "segmentation" not in check(None, dose, None)
    report = check_plausibility(labels, dose * 100, (5, 5, 4), {}, LABELS)
    assert report["plausible"]
    assert report["dose"] == {"max_gy": {"value": 7000.0}}


@pytest.mark.parametrize(
    ("axes", "index", "side"),
    [
        # axis codes L, P, S: the last x index is the patient's left
        (np.diag([-5.0, -5, 4, 1]), (slice(-1, None),), "left"),
        (np.diag([-5.0, -5, 4, 1]), (slice(None), slice(0, 1)), "front"),
        # R, A, S
        (np.diag([5.0, 5, 4, 1]), (slice(-1, None),), "right"),
        (np.diag([5.0, 5, 4, 1]), (slice(None), slice(0, 1)), "back"),
        # S, L, P: x of the patient is the second axis
        (
            np.array([[0, -5.0, 0, 0], [0, 0, -5.0, 0], [4.0, 0, 0, 0], [0, 0, 0, 1]]),
            (slice(None), slice(0, 1)),
            "right",
        ),
    ],
)
def test_edges_are_the_patients_sides(axes: np.ndarray, index: tuple[slice, ...], side: str) -> None:
    body = np.zeros((10, 10, 10), bool)
    body[4:6, 4:6, :] = True
    assert body_edges(body, np.diag([-5.0, -5, 4, 1])) == []  # head and feet do not count
    body[:] = False
    body[3:7, 3:7, 3:7] = True
    body[index] = True
    body_inside = np.zeros_like(body)
    body_inside[1:-1, 1:-1, 1:-1] = True
    other = [slice(1, -1)] * 3
    other[next(i for i, s in enumerate(index) if s != slice(None))] = slice(None)
    kept = np.zeros_like(body)
    kept[tuple(other)] = body[tuple(other)]
    assert body_edges(kept, axes) == [side]


def test_little_contact_is_no_edge() -> None:
    body = np.zeros((10, 10, 10), bool)
    body[0, 4, 4:7] = True  # 3 x 20 mm^2
    assert body_edges(body, np.diag([-5.0, -5, 4, 1])) == []


def item() -> dict:
    labels, dose, body = case()
    affine = torch.diag(torch.tensor([-5.0, -5.0, 4.0, 1.0])).double()
    meta = {"filename_or_obj": "/data/patient 7.nii.gz", "body_cut_mm": 0.0}
    return {
        "image": MetaTensor(torch.zeros(1, 2, 2, 2), affine=affine, meta=meta),
        "pred": MetaTensor(torch.from_numpy(labels)[None], affine=affine),
        "dose": MetaTensor(torch.from_numpy(dose)[None], affine=affine),
        "body": MetaTensor(torch.from_numpy(body)[None], affine=affine),
    }


def test_report_of_an_item_reads_the_ranges_of_a_datalist(tmp_path: Path) -> None:
    (tmp_path / "datalist.json").write_text(json.dumps({"statistics": RANGES}))
    report = ReportPlausibilityd(tmp_path / "datalist.json", LABELS)(item())["report"]
    assert list(report)[:2] == ["case_id", "usable"], "the verdict stands at the top"
    assert (report["case_id"], report["usable"], report["unusable_because"]) == ("patient 7", True, "")
    assert report["spacing_mm"] == [5, 5, 4]
    assert report["shape"] == [10, 10, 10]
    assert report["body"]["cut_off_at"] == ["back", "front", "left", "right"]
    assert report["segmentation"]["brainstem"]["cut_off_at"] == ["feet", "front", "head", "right"]
    body, organ, limit = report["warnings"]
    assert "cuts the body off (back, front, left, right)" in body and "brainstem (feet, front, head, right)" in organ
    assert "brainstem is above a usual limit: D0.1cc is 70.0 Gy, usually at most 54" in limit
    assert not report["plausible"]
    assert "targets" not in report and "targets_from" not in report
    (tmp_path / "ranges.json").write_text(json.dumps(RANGES))
    assert ReportPlausibilityd(str(tmp_path / "ranges.json"), LABELS)(item())["report"] == report


def test_targets_are_judged_on_the_patients_own_grid(tmp_path: Path) -> None:
    """A target of 76 voxels, 72 at 70 Gy and 4 at 0; masks are on a grid of their own, turned."""
    data = item()
    affine = np.diag([-5.0, -5.0, 4.0, 1.0])
    target = np.zeros((10, 10, 10), np.uint8)
    target[:2, 1:, 3:7] = 1
    target[2, 1, 3:7] = 1
    nib.save(nib.Nifti1Image(np.zeros((10, 10, 10), np.int16), affine), tmp_path / "ct.nii.gz")
    (tmp_path / "targets").mkdir()
    flipped = affine @ np.array([[-1, 0, 0, 9], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(target[::-1], flipped), tmp_path / "targets" / "PTV_70.nii.gz")
    data["image"].meta["filename_or_obj"] = str(tmp_path / "ct.nii.gz")
    data |= {"targets": MetaTensor(torch.zeros(1, 2, 2, 2)), "targets_file": str(tmp_path / "targets")}
    found = ReportPlausibilityd(RANGES, LABELS)(data)
    report = found["report"]
    assert report["targets_from"] == str(tmp_path / "targets")
    assert list(report["targets"]) == ["PTV_70"]
    row = report["targets"]["PTV_70"]
    assert (row["prescribed_gy"], row["volume_cc"], row["covered"]) == (70, pytest.approx(7.6), False)
    assert row["v95_percent"] == pytest.approx(100 * 72 / 76, abs=1e-3)
    assert "misses the prescription of PTV_70: D95 is 52.5 Gy, 75 % of 70 Gy" in report["warnings"][2]
    np.testing.assert_array_equal(found["target_masks"]["PTV_70"][1], target > 0)
    json.dumps(report)
    nib.save(
        nib.Nifti1Image(np.linspace(50, 70, 1000, dtype=np.float32).reshape(10, 10, 10), affine), tmp_path / "g.nii"
    )
    report = ReportPlausibilityd(RANGES, LABELS)({**data, "targets_file": str(tmp_path / "g.nii")})["report"]
    assert "targets" not in report
    assert any("coverage was not judged" in warning for warning in report["warnings"])


def test_ranges_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ranges.json: no JSON file with the training ranges"):
        ReportPlausibilityd(tmp_path / "ranges.json", LABELS)
    (tmp_path / "ranges.json").write_text("[]")
    with pytest.raises(ValueError, match=r"ranges.json: no JSON file with the training ranges"):
        ReportPlausibilityd(tmp_path / "ranges.json", LABELS)


@pytest.mark.parametrize(
    ("place", "side"),
    [
        ((0, slice(3, 6), slice(4, 7)), "right"),
        ((9, slice(3, 6), slice(4, 7)), "left"),
        ((slice(3, 6), 0, slice(4, 7)), "front"),
        ((slice(3, 6), 9, slice(4, 7)), "back"),
        ((slice(3, 6), slice(4, 7), 0), "feet"),
        ((slice(3, 6), slice(4, 7), 9), "head"),
    ],
)
def test_an_organ_that_the_image_cuts(place: tuple, side: str) -> None:
    """Axes to the left, the back and the head, voxels of 2 mm: 9 of them are 36 mm2, 4 are 16."""
    affine = np.diag([-2.0, -2.0, 2.0, 1.0])
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[place] = 1
    assert organ_edges(labels, affine, LABELS) == {"brainstem": [side]}
    turned = np.diag([2.0, 2.0, -2.0, 1.0])  # the same patient, all axes the other way
    assert organ_edges(labels[::-1, ::-1, ::-1], turned, LABELS) == {"brainstem": [side]}
    labels[labels == 1] = 2  # the spinal cord reaches beyond most scans
    assert organ_edges(labels, affine, LABELS) == {}
    few = np.zeros_like(labels)
    few[tuple(slice(p.start, p.start + 2) if isinstance(p, slice) else p for p in place)] = 1
    assert organ_edges(few, affine, LABELS) == {}
