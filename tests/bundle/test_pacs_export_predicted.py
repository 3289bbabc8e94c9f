# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A whole PACS export through the recipient's command, in one call."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from dicom_validation import dicom_errors
from pacs_export import PATIENTS, expected_left_out, write_pacs_export
from support import packed_small_network, run_tool

from ctan_monai.dicom import read_source

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed_small_network(tmp_path_factory.mktemp("packed"))


def test_one_call(bundle: Path, phantom: Path, tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    image = nib.load(next((phantom / "test").glob("*/ct.nii")))
    hu = np.asanyarray(image.dataobj)
    middle = hu.shape[2] // 2
    hu, affine = hu[:, :, middle - 6 : middle + 6], image.affine.copy()
    affine[:3, 3] += affine[:3, 2] * (middle - 6)
    export = tmp_path / "export"
    write_pacs_export(export, hu, affine)
    out = tmp_path / "out"
    command = ["-m", "ctan_monai.packing.predict", "--bundle", str(bundle), str(export), str(out), "--dicom"]
    done = run_tool(*command, "--write-implausible", "--device", "cpu")
    assert done.returncode == 3, done.stdout + done.stderr  # 12 slices of a phantom do not hold the structures

    lines = done.stdout.splitlines()
    first = lines.index("Left out:") + 1
    expected = expected_left_out(export)
    assert [line.removeprefix("  - ") for line in lines[first : first + len(expected)]] == expected
    assert lines[first + len(expected)].startswith("Results are in")

    cases = {"JP1": "ST1", "KR2": "KR2_ST1_SE2", "CN3": "CN3_ST1_SE2", "DE4": "DE4_ST1_SE2"}
    for patient_id, case in cases.items():
        source = read_source(path for path in (export / patient_id / "ST1").glob("SE2*/*") if path.is_file())
        assert len(source.slices) == hu.shape[2]
        assert nib.load(out / f"{case}_dose.nii.gz").shape == hu.shape
        for kind in ("rtstruct", "seg", "rtdose"):
            dataset = pydicom.dcmread(out / f"{case}_{kind}.dcm")
            assert str(dataset.PatientName) == PATIENTS[patient_id].name
            assert (dataset.PatientID, dataset.StudyInstanceUID) == (patient_id, source.slices[0].StudyInstanceUID)
            assert dataset.FrameOfReferenceUID == source.slices[0].FrameOfReferenceUID
            assert dicom_errors(out / f"{case}_{kind}.dcm") == []
    inner = nib.load(out / "SE6_dose.nii.gz").shape
    assert inner == (hu.shape[0] // 2, hu.shape[1] // 2, hu.shape[2]), "the CBCT is a case of its own"
