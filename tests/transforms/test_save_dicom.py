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
from ctan_monai.data import ResultsFolder
from ctan_monai.dicom.kinds import dicom_kinds
from ctan_monai.transforms import SaveDicomRTd, SaveDicomSCd, SaveDicomSRd

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


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


def test_contours_and_dose(tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    (tmp_path / "model.pt").write_bytes(b"weights")
    results = ResultsFolder(tmp_path / "out", "prostate", tmp_path / "model.pt")
    SaveDicomRTd(True, NAMES, results)(item(tmp_path / "CT"))
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
    SaveDicomRTd(kinds, NAMES, ResultsFolder(tmp_path / "out", "prostate"))(item(tmp_path / "CT"))
    assert names(tmp_path / "out") == expected


def test_a_method_with_one_task_and_an_organ_that_is_not_there(tmp_path: Path) -> None:
    data = item(tmp_path / "CT")
    del data["dose"], data["report"]
    data["pred"][data["pred"] == 2] = 0
    SaveDicomRTd(["rtstruct", "rtdose"], NAMES, ResultsFolder(tmp_path / "out", "prostate"))(data)
    assert names(tmp_path / "out") == ["p1_rtstruct.dcm"]
    structures = pydicom.dcmread(tmp_path / "out" / "p1_rtstruct.dcm").StructureSetROISequence
    assert [roi.ROIName for roi in structures] == ["rectum", "left_femur", "right_femur", "ctv"]


def test_no_organ_at_all(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = item(tmp_path / "CT")
    data["pred"] *= 0
    with caplog.at_level(logging.WARNING):
        SaveDicomRTd(["rtstruct", "rtdose"], NAMES, ResultsFolder(tmp_path / "out", "prostate"))(data)
    assert names(tmp_path / "out") == ["p1_rtdose.dcm"]
    assert "p1: no organ was found, so there is no structure set" in caplog.text


def test_probabilities(tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    data = item(tmp_path / "CT") | {"covid": torch.tensor([[0.25]]), "warnings": "The lungs are cut off."}
    SaveDicomSRd(False, MEANINGS, ResultsFolder(tmp_path / "out", "prostate"))(data)
    assert names(tmp_path / "out") == []
    SaveDicomSRd(True, MEANINGS, ResultsFolder(tmp_path / "out", "prostate"))(data)
    assert names(tmp_path / "out") == ["p1_sr.dcm"]
    text = str(pydicom.dcmread(tmp_path / "out" / "p1_sr.dcm"))
    assert MEANINGS["covid"] in text and MEANINGS["severity"] not in text
    content = pydicom.dcmread(tmp_path / "out" / "p1_sr.dcm").ContentSequence
    assert content[-1].TextValue == "The lungs are cut off."


def test_a_mask(tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    data = {"case_id": "ISIC_1", "pred": torch.tensor([[[0, 1, 1], [0, 0, 1]]], dtype=torch.uint8)}
    SaveDicomSCd(False, ResultsFolder(tmp_path / "out", "prostate"))(data)
    assert names(tmp_path / "out") == []
    SaveDicomSCd(True, ResultsFolder(tmp_path / "out", "prostate"))(data)
    found = pydicom.dcmread(tmp_path / "out" / "ISIC_1_sc.dcm").pixel_array
    np.testing.assert_array_equal(found, [[0, 255, 255], [0, 0, 255]])


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"p1_rtdose\.dcm: cannot be written .* another --output_dir"):
        SaveDicomRTd("rtdose", NAMES, ResultsFolder(tmp_path / "file", "prostate"))(item(tmp_path / "CT"))


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
    SaveDicomRTd("rtdose", NAMES, results, dose_grid=grid, dose_bits=bits)(item(tmp_path / "CT"))
    dose = pydicom.dcmread(tmp_path / "out" / "p1_rtdose.dcm")
    assert dose.BitsAllocated == bits
    if grid:
        assert [float(v) for v in dose.PixelSpacing] == [grid, grid]
        assert np.diff(dose.GridFrameOffsetVector).tolist() == [grid] * (dose.NumberOfFrames - 1)
    with pytest.raises(ValueError, match="dose_bits 8"):
        SaveDicomRTd("rtdose", NAMES, results, dose_bits=8)
