# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import importlib.util
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import torch
from dicom_cases import NAMES, SHAPE, dose_map, label_map, write_ct
from monai.data import MetaTensor

from ctan_monai import __version__
from ctan_monai.inference import ResultsFolder, SaveDicomRTd, SaveDicomSCd, SaveDicomSRd
from ctan_monai.inference.dicom_kinds import dicom_kinds

MEANINGS = {"covid": "Predicted probability of COVID-19", "severity": "Predicted probability of severe COVID-19"}


def item(folder: Path) -> dict[str, Any]:
    write_ct(folder)
    return {
        "case_id": "p1",
        "image": MetaTensor(torch.zeros(1, *SHAPE), meta={"filename_or_obj": str(folder)}),
        "pred": MetaTensor(torch.from_numpy(label_map())[None]),
        "dose": MetaTensor(torch.from_numpy(dose_map())[None]),
        "report": {"warnings": ["The rectum is small.", "The dose is high."]},
    }


def save(transform: SaveDicomRTd | SaveDicomSCd | SaveDicomSRd, data: dict[str, Any]) -> None:
    """As a run does."""
    transform(data)
    transform.results.commit(data["case_id"])


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


def test_contours_and_dose(tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    (tmp_path / "model.pt").write_bytes(b"weights")
    results = ResultsFolder(tmp_path / "out", "prostate", tmp_path / "model.pt")
    save(SaveDicomRTd(True, NAMES, results), item(tmp_path / "CT"))
    assert names(tmp_path / "out") == ["p1_rtdose.dcm", "p1_rtstruct.dcm", "p1_seg.dcm"]
    digest = hashlib.sha256(b"weights").hexdigest()[:12]
    for path in (tmp_path / "out").iterdir():
        assert pydicom.dcmread(path).SoftwareVersions == f"{__version__}, weights {digest}"
    structures = pydicom.dcmread(tmp_path / "out" / "p1_rtstruct.dcm")
    assert structures.StructureSetDescription.endswith("The rectum is small. The dose is high.")
    dose = pydicom.dcmread(tmp_path / "out" / "p1_rtdose.dcm")
    stored = dose.pixel_array.transpose(2, 1, 0) * float(dose.DoseGridScaling)
    np.testing.assert_allclose(stored, dose_map(), atol=1e-5)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (False, []),
        ("rtdose", ["p1_rtdose.dcm"]),
        (["rtstruct", "rtdose"], ["p1_rtdose.dcm", "p1_rtstruct.dcm"]),
        ("RTSTRUCT, seg", ["p1_rtstruct.dcm", "p1_seg.dcm"]),
    ],
)
def test_only_what_is_asked_for(kinds: Any, expected: list[str], tmp_path: Path) -> None:
    if "p1_seg.dcm" in expected:
        pytest.importorskip("highdicom")
    save(SaveDicomRTd(kinds, NAMES, ResultsFolder(tmp_path / "out", "prostate")), item(tmp_path / "CT"))
    assert names(tmp_path / "out") == expected


def test_a_method_with_one_task_and_an_organ_that_is_not_there(tmp_path: Path) -> None:
    data = item(tmp_path / "CT")
    del data["dose"], data["report"]
    data["pred"][data["pred"] == 2] = 0
    save(SaveDicomRTd(["rtstruct", "rtdose"], NAMES, ResultsFolder(tmp_path / "out", "prostate")), data)
    assert names(tmp_path / "out") == ["p1_rtstruct.dcm"]
    structures = pydicom.dcmread(tmp_path / "out" / "p1_rtstruct.dcm").StructureSetROISequence
    assert [roi.ROIName for roi in structures] == ["rectum", "left_femur", "right_femur", "ctv"]


def test_no_organ_at_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = item(tmp_path / "CT")
    data["pred"] *= 0
    with caplog.at_level(logging.WARNING):
        save(SaveDicomRTd(["rtstruct", "rtdose"], NAMES, ResultsFolder(tmp_path / "out", "prostate")), data)
    assert names(tmp_path / "out") == ["p1_rtdose.dcm"]
    assert "p1: no organ was found, so there is no structure set" in caplog.text


def test_probabilities(tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    data = item(tmp_path / "CT") | {"covid": torch.tensor([[0.25]]), "warnings": "The lungs are cut off."}
    save(SaveDicomSRd(False, MEANINGS, ResultsFolder(tmp_path / "out", "prostate")), data)
    assert names(tmp_path / "out") == []
    save(SaveDicomSRd(True, MEANINGS, ResultsFolder(tmp_path / "out", "prostate")), data)
    assert names(tmp_path / "out") == ["p1_sr.dcm"]
    text = str(pydicom.dcmread(tmp_path / "out" / "p1_sr.dcm"))
    assert MEANINGS["covid"] in text and MEANINGS["severity"] not in text
    content = pydicom.dcmread(tmp_path / "out" / "p1_sr.dcm").ContentSequence
    assert content[-1].TextValue == "The lungs are cut off."


BECAUSE = "3 of 5 structures were not found. Use none of its results."


@pytest.mark.parametrize("because", ["", BECAUSE])
def test_implausible_contours_and_dose_are_withheld(because: str, tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path / "out", "prostate")
    data = item(tmp_path / "CT")
    data["report"] |= {"usable": not because, "unusable_because": because}
    save(SaveDicomRTd(["rtstruct", "rtdose"], NAMES, results), data)
    assert names(tmp_path / "out") == ([] if because else ["p1_rtdose.dcm", "p1_rtstruct.dcm"])
    assert results.about("p1").get("withheld_dicom") == (["rtstruct", "rtdose"] if because else None)
    results = ResultsFolder(tmp_path / "none", "prostate")
    save(SaveDicomRTd(False, NAMES, results), data)
    assert "withheld_dicom" not in results.about("p1"), "none was asked for"


@pytest.mark.parametrize("bundle", ["prostate", "a_bundle_whose_name_is_longer_than_others"])
@pytest.mark.parametrize("tg263", [False, True])
def test_implausible_contours_and_dose_that_are_written_carry_the_verdict(
    bundle: str, tg263: bool, tmp_path: Path
) -> None:
    pytest.importorskip("highdicom")
    data = item(tmp_path / "CT")
    data["report"] |= {"usable": False, "unusable_because": BECAUSE}
    results = ResultsFolder(tmp_path / "out", bundle)
    save(SaveDicomRTd(True, NAMES, results, tg263=tg263, write_implausible=True), data)
    structures, segments, dose = (
        pydicom.dcmread(tmp_path / "out" / f"p1_{k}.dcm") for k in ("rtstruct", "seg", "rtdose")
    )
    for dataset in (structures, segments, dose):
        assert dataset.SeriesDescription.startswith("IMPLAUSIBLE, DO NOT USE")
        assert len(dataset.SeriesDescription) <= 64
    assert structures.StructureSetLabel == "IMPLAUSIBLE"
    assert dose.ImageComments.startswith("IMPLAUSIBLE, DO NOT USE")
    usual = ["Rectum", "Bladder", "Femur_L", "Femur_R", "CTV"] if tg263 else list(NAMES)
    assert [roi.ROIName for roi in structures.StructureSetROISequence] == [f"IMPLAUSIBLE {name}" for name in usual]
    assert [segment.SegmentLabel for segment in segments.SegmentSequence] == [f"IMPLAUSIBLE {name}" for name in usual]
    kinds = {o.ReferencedROINumber: o.RTROIInterpretedType for o in structures.RTROIObservationsSequence}
    assert kinds[NAMES["ctv"]] == "CTV", "of the structure, not of its new name"
    assert results.about("p1").get("withheld_dicom") is None


def test_implausible_probabilities(tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    data = item(tmp_path / "CT") | {"covid": torch.tensor([[0.25]]), "usable": False, "unusable_because": BECAUSE}
    results = ResultsFolder(tmp_path / "out", "stoic")
    save(SaveDicomSRd(True, MEANINGS, results), data)
    assert names(tmp_path / "out") == [] and results.about("p1")["withheld_dicom"] == ["sr"]
    save(SaveDicomSRd(True, MEANINGS, ResultsFolder(tmp_path / "out", "stoic"), write_implausible=True), data)
    assert pydicom.dcmread(tmp_path / "out" / "p1_sr.dcm").SeriesDescription.startswith("IMPLAUSIBLE, DO NOT USE")


def test_a_mask(tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    data = {"case_id": "ISIC_1", "pred": torch.tensor([[[0, 1, 1], [0, 0, 1]]], dtype=torch.uint8)}
    save(SaveDicomSCd(False, ResultsFolder(tmp_path / "out", "prostate")), data)
    assert names(tmp_path / "out") == []
    save(SaveDicomSCd(True, ResultsFolder(tmp_path / "out", "prostate")), data)
    found = pydicom.dcmread(tmp_path / "out" / "ISIC_1_sc.dcm").pixel_array
    np.testing.assert_array_equal(found, [[0, 255, 255], [0, 0, 255]])


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"p1_rtdose\.dcm: cannot be written .* another --output_dir"):
        save(SaveDicomRTd("rtdose", NAMES, ResultsFolder(tmp_path / "file", "prostate")), item(tmp_path / "CT"))


def test_an_unknown_kind() -> None:
    with pytest.raises(
        ValueError, match=r"--dicom_output: unknown kind rtplan; expected True, False, or some of seg, sr"
    ):
        dicom_kinds(["rtplan", "seg"], ("seg", "sr"))


def test_highdicom_is_missed_before_time_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert dicom_kinds("rtstruct", ("rtstruct", "seg")) == ("rtstruct",)
    with pytest.raises(ModuleNotFoundError, match=r"highdicom, which writes seg, is not .* or ask for rtstruct alone"):
        dicom_kinds(True, ("rtstruct", "seg"))


@pytest.mark.parametrize(("grid", "bits"), [(0, 32), (3.0, 16)])
def test_the_grid_and_bits_of_the_dose(grid: float, bits: int, tmp_path: Path) -> None:
    results = ResultsFolder(tmp_path / "out", "prostate")
    save(SaveDicomRTd("rtdose", NAMES, results, dose_grid=grid, dose_bits=bits), item(tmp_path / "CT"))
    dose = pydicom.dcmread(tmp_path / "out" / "p1_rtdose.dcm")
    assert dose.BitsAllocated == bits
    if grid:
        assert [float(v) for v in dose.PixelSpacing] == [grid, grid]
        assert np.diff(dose.GridFrameOffsetVector).tolist() == [grid] * (dose.NumberOfFrames - 1)
    with pytest.raises(ValueError, match="dose_bits 8"):
        SaveDicomRTd("rtdose", NAMES, results, dose_bits=8)
