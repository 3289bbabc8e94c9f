# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTPlanStorage

from ctan_monai.dicom import (
    DoseGrid,
    ct_series,
    dose_in_patient_axes,
    plan_dose,
    read_dose,
    read_source,
    resample_dose,
    save_dicom,
    write_ct_series,
    write_rtdose,
)
from ctan_monai.utils import InputError

CT_AFFINE = np.array([[-2.0, 0, 0, 30], [0, -3.0, 0, 40], [0, 0, 5.0, -100], [0, 0, 0, 1]])
DOSE_AFFINE = np.array([[-4.0, 0, 0, 30], [0, -3.0, 0, 40], [0, 0, 10.0, -95], [0, 0, 0, 1]])


@pytest.fixture
def ct(tmp_path: Path) -> tuple[Path, str]:
    """A slice of a CT and its frame of reference."""
    files = write_ct_series(tmp_path / "CT", np.zeros((8, 6, 5)), CT_AFFINE)
    return files[0], ct_series(tmp_path / "CT").frame_uid


def ramp() -> np.ndarray:
    x, y, z = np.indices((3, 4, 3), dtype=float)
    return 10 * x + y + 0.5 * z


def edited(path: Path, edit: Callable[[Dataset], None]) -> Path:
    dataset = pydicom.dcmread(path)
    edit(dataset)
    dataset.save_as(path)
    return path


def dose(ct: tuple[Path, str], name: str = "RD.dcm", **options: object) -> Path:
    path = ct[0].parent.parent / name
    write_rtdose(path, read_source(ct[0].parent), ramp(), DOSE_AFFINE, **options)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("absolute", [False, True])
def test_both_forms_of_offsets_give_the_same_grid(ct: tuple[Path, str], absolute: bool) -> None:
    path = dose(ct, absolute_offsets=absolute)
    assert float(pydicom.dcmread(path).GridFrameOffsetVector[0]) == (-95 if absolute else 0)
    found = read_dose(path, ct[1])
    np.testing.assert_allclose(found.affine, DOSE_AFFINE, atol=1e-6)
    np.testing.assert_allclose(found.gray, ramp(), atol=1e-6)


@pytest.mark.parametrize("scaling", ["0", "-1", "nan", "inf"])
def test_scaling_that_is_no_positive_number(ct: tuple[Path, str], scaling: str) -> None:
    path = dose(ct)
    content = path.read_bytes()
    start = content.index(b"\x04\x30\x0e\x00DS") + 8
    length = content[start - 2]
    path.write_bytes(content[:start] + scaling.encode().ljust(length) + content[start + length :])
    with pytest.raises(InputError, match=rf"DoseGridScaling is {scaling}"):
        read_dose(path, ct[1])


def test_negative_dose(ct: tuple[Path, str]) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.PixelRepresentation = 1
        values = dataset.pixel_array.astype(np.int32)
        values[0, 0, 0] = -5
        dataset.PixelData = values.astype(np.int32 if dataset.BitsAllocated == 32 else np.int16).tobytes()

    with pytest.raises(InputError, match=r"holds values down to -.* Gy, expected a dose from 0"):
        read_dose(edited(dose(ct), edit), ct[1])


def test_frames_that_run_downwards(ct: tuple[Path, str]) -> None:
    path = edited(dose(ct), lambda d: setattr(d, "GridFrameOffsetVector", [0, -10, -20]))
    np.testing.assert_allclose(read_dose(path, ct[1]).affine[:3, 2], [0, 0, -10])


def test_relative_offsets_run_along_the_normal_of_a_feet_first_dose(ct: tuple[Path, str]) -> None:
    path = edited(dose(ct), lambda d: setattr(d, "ImageOrientationPatient", [-1, 0, 0, 0, 1, 0]))
    np.testing.assert_allclose(read_dose(path, ct[1]).affine[:3, 2], [0, 0, -10])
    np.testing.assert_allclose(read_dose(path, ct[1]).affine[:3, 0], [4, 0, 0])


def test_linear_between_centers_and_zero_outside() -> None:
    # CT voxel (i, j, k) lies at dose index (i / 2, j, k / 2 - 0.5)
    found = resample_dose(DoseGrid(ramp() + 1, DOSE_AFFINE), CT_AFFINE, (8, 6, 7))
    assert found[1, 2, 2] == pytest.approx(1 + 5 + 2 + 0.25)
    assert found[4, 3, 5] == pytest.approx(1 + 20 + 3 + 1)  # the last center in each direction
    outside = np.ones(found.shape, bool)
    outside[:5, :4, 1:6] = False
    assert (found[outside] == 0).all()
    assert (found[~outside] > 0).all()


def test_real_dose_equals_its_pixels_and_the_published_array(test_data_dir: Path) -> None:
    folder = test_data_dir / "pelvis_rt_dicom"
    if not folder.is_dir():
        pytest.skip(f"the real pelvic plan is absent: no '{folder}' (set CTAN_TEST_DATA)")
    series = ct_series(folder / "CT")
    grid, notes = plan_dose([folder / "RD.dcm"], series.frame_uid)
    file = pydicom.dcmread(folder / "RD.dcm")
    expected = file.pixel_array.astype(float).transpose(2, 1, 0) * float(file.DoseGridScaling)
    np.testing.assert_allclose(grid.gray, expected, atol=1e-4)
    assert notes == []
    with np.load(folder / "pelvis_case_zyx.npz") as arrays:
        published = arrays["dose_gy"].transpose(2, 1, 0).astype(float)
    np.testing.assert_allclose(resample_dose(grid, series.affine, series.shape), published, atol=0.05)


BAD = {
    "units": (lambda d: setattr(d, "DoseUnits", "RELATIVE"), r"RD\.dcm: DoseUnits is RELATIVE, expected GY"),
    "type": (lambda d: setattr(d, "DoseType", "ERROR"), "DoseType is ERROR, the difference of two doses"),
    "scaling": (lambda d: delattr(d, "DoseGridScaling"), r"DoseGridScaling is None, expected Gy per stored value"),
    "frame": (lambda d: setattr(d, "FrameOfReferenceUID", "1.2.3"), r"frame of reference 1\.2\.3, the CT in"),
    "offsets": (
        lambda d: setattr(d, "GridFrameOffsetVector", [3, 13, 23]),
        r"begins with 3; expected 0 \(offsets from the first frame\) or -95",
    ),
    "uneven": (lambda d: setattr(d, "GridFrameOffsetVector", [0, 10, 25]), "10 to 15 mm apart; expected even spacing"),
    "count": (
        lambda d: setattr(d, "GridFrameOffsetVector", [0, 10]),
        "GridFrameOffsetVector has 2 values for 3 frames",
    ),
    "place": (lambda d: delattr(d, "ImagePositionPatient"), "the dose has no ImagePositionPatient"),
    "fraction": (
        lambda d: setattr(d, "DoseSummationType", "FRACTION"),
        "DoseSummationType is FRACTION; expected PLAN, or the BEAM doses of one plan",
    ),
    "plans": (
        lambda d: setattr(d, "DoseSummationType", "MULTI_PLAN"),
        "DoseSummationType is MULTI_PLAN; expected PLAN",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_doses_that_cannot_be_used(ct: tuple[Path, str], case: str) -> None:
    edit, message = BAD[case]
    path = edited(dose(ct), edit)
    with pytest.raises(InputError, match=message):
        plan_dose([path], ct[1])


def test_no_dose_and_no_dicom(ct: tuple[Path, str]) -> None:
    with pytest.raises(InputError, match=r"there is no dose \(RTDOSE\)"):
        plan_dose([], ct[1])
    path = ct[0].parent / "RD.dcm"
    path.write_bytes(b"no DICOM")
    with pytest.raises(InputError, match=r"RD\.dcm: the RTDOSE file is damaged"):
        plan_dose([path], ct[1])


def test_doses_of_two_plans(ct: tuple[Path, str]) -> None:
    with pytest.raises(InputError, match=r"there are 2 plan doses \(A, B\), expected the dose of one plan"):
        plan_dose([dose(ct, "A"), dose(ct, "B")], ct[1])
    beams = [dose(ct, "C", plan_uid="1.2.1", beam=1), dose(ct, "D", plan_uid="1.2.2", beam=2)]
    with pytest.raises(InputError, match=r"the BEAM doses \(C, D\) belong to 2 plans, expected one"):
        plan_dose(beams, ct[1])


def test_beams_of_one_plan_are_added(ct: tuple[Path, str]) -> None:
    beams = [dose(ct, name, plan_uid="1.2.1", beam=number) for number, name in enumerate("AB", start=1)]
    found, notes = plan_dose(beams, ct[1])
    np.testing.assert_allclose(found.gray, 2 * ramp(), atol=1e-6)
    assert notes == ["the sum of 2 BEAM doses; no RTPLAN tells whether these are all"]
    whole, notes = plan_dose([*beams, dose(ct, "C", plan_uid="1.2.1")], ct[1])
    np.testing.assert_allclose(whole.gray, ramp(), atol=1e-6)
    assert notes == ["left out beside the plan's dose: A, B"]


def test_beams_are_counted_by_the_plan(ct: tuple[Path, str]) -> None:
    plan = Dataset()
    plan.file_meta = FileMetaDataset()
    plan.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    plan.SOPClassUID, plan.SOPInstanceUID = RTPlanStorage, "1.2.1"
    plan.BeamSequence = [Dataset() for _ in range(3)]
    for number, beam in enumerate(plan.BeamSequence, start=1):
        beam.BeamNumber, beam.TreatmentDeliveryType = number, "TREATMENT" if number < 3 else "SETUP"
    path = ct[0].parent.parent / "RP.dcm"
    save_dicom(plan, path)
    beams = [dose(ct, name, plan_uid="1.2.1", beam=number) for number, name in enumerate("AB", start=1)]
    assert plan_dose(beams, ct[1], [path])[1] == ["the sum of 2 BEAM doses"]
    with pytest.raises(InputError, match=r"BEAM doses are of the beams \[1\], but the plan has \[1, 2\]"):
        plan_dose(beams[:1], ct[1], [path])


def test_a_beam_twice_or_on_another_grid(ct: tuple[Path, str]) -> None:
    twice = [dose(ct, name, plan_uid="1.2.1", beam=1) for name in "AB"]
    with pytest.raises(InputError, match=r"are of the beams \[1, 1\]; expected a different beam in each"):
        plan_dose(twice, ct[1])
    other = edited(
        dose(ct, "C", plan_uid="1.2.1", beam=2), lambda d: setattr(d, "ImagePositionPatient", [-30, -40, -96])
    )
    with pytest.raises(InputError, match=r"C: lies on another grid than .*A"):
        plan_dose([twice[0], other], ct[1])


@pytest.mark.parametrize("absolute", [False, True])
def test_offsets_rounded_to_a_tenth_of_a_mm(ct: tuple[Path, str], absolute: bool) -> None:
    """Frames 7/3 mm apart."""
    gray = np.arange(4 * 3 * 9, dtype=float).reshape(4, 3, 9)
    affine = DOSE_AFFINE.copy()
    affine[2, 2] = 7 / 3
    path = ct[0].parent.parent / "RD.dcm"
    write_rtdose(path, read_source(ct[0].parent), gray, affine, absolute_offsets=absolute)
    edited(path, lambda d: setattr(d, "GridFrameOffsetVector", [f"{float(v):.1f}" for v in d.GridFrameOffsetVector]))
    assert len(set(np.diff(pydicom.dcmread(path).GridFrameOffsetVector).round(3))) == 2
    found = read_dose(path, ct[1])
    np.testing.assert_allclose(found.affine, affine, atol=0.02)
    np.testing.assert_allclose(found.gray, gray, atol=1e-6)


def test_an_effective_dose_is_noted(ct: tuple[Path, str]) -> None:
    path = dose(ct)
    assert plan_dose([path], ct[1])[1] == []
    edited(path, lambda d: setattr(d, "DoseType", "EFFECTIVE"))
    (note,) = plan_dose([path], ct[1])[1]
    assert "EFFECTIVE" in note and "RD.dcm" in note


@pytest.mark.parametrize("spacing", [0, 2.5, 3])
@pytest.mark.parametrize("degrees", [0, 5])
def test_a_grid_in_the_patients_axes(degrees: float, spacing: float) -> None:
    """A dose that is linear in the patient's mm: on any grid, each voxel has the value of its place."""
    turn = np.radians(degrees)
    axes = np.diag([-2.0, -1.0, 3.0]) @ [
        [np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]
    ]  # fmt: skip
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = axes @ np.diag([1, 1, 1]), (20, 30, -40)
    affine[:3, :3] = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0) * [2, 2, 3]
    index = np.moveaxis(np.indices((20, 18, 9)), 0, -1)
    places = index @ affine[:3, :3].T + affine[:3, 3]
    slope = np.array([0.3, -0.2, 0.5])
    found = dose_in_patient_axes(places @ slope + 60, affine, spacing)
    steps = [spacing] * 3 if spacing else [2, 2, 3]
    np.testing.assert_allclose(np.abs(found.affine[:3, :3]), np.diag(steps), atol=1e-9)
    assert (np.diag(found.affine)[:3] * [-1, -1, 1] > 0).all(), "columns to the left, rows to the back, frames up"
    at = np.moveaxis(np.indices(found.gray.shape), 0, -1) @ found.affine[:3, :3].T + found.affine[:3, 3]
    inside = (at @ np.linalg.inv(affine[:3, :3]).T) - affine[:3, 3] @ np.linalg.inv(affine[:3, :3]).T
    inside = ((inside >= 0) & (inside <= np.array(index.shape[:3]) - 1)).all(axis=-1)
    assert inside.mean() > 0.5
    np.testing.assert_allclose(found.gray[inside], (at @ slope + 60)[inside], atol=1e-3)
    low, high = places.reshape(-1, 3).min(0), places.reshape(-1, 3).max(0)
    assert (at.reshape(-1, 3).min(0) <= low + 1e-6).all() and (at.reshape(-1, 3).max(0) >= high - 1e-6).all()
