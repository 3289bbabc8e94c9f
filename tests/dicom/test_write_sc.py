# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_validation import dicom_errors

from ctan_monai.dicom import predicted_by, write_sc

pytest.importorskip("highdicom", reason="highdicom is not installed (pip install 'ctan-monai[dicom]')")


@pytest.mark.parametrize("case_id", ["ISIC_0024306", "Bild\\ä " + 80 * "x"])
def test_the_mask_of_a_patient_of_its_own(case_id: str, tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((45, 61)) > 0.5  # odd sizes: the pixels are padded to an even length
    write_sc(tmp_path / "SC.dcm", mask, case_id, predicted_by("ham10000"))
    dataset = pydicom.dcmread(tmp_path / "SC.dcm")
    np.testing.assert_array_equal(dataset.pixel_array, np.where(mask, 255, 0))
    image = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "SC.dcm")))
    np.testing.assert_array_equal(np.squeeze(image), np.where(mask, 255, 0))
    assert dataset.PatientID == f"photograph {case_id}".replace("\\", "_")[: 64 - ("ä" in case_id)]  # bytes
    for tag in ("PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "ReferringPhysicianName"):
        assert tag in dataset and not dataset[tag].value, tag
    assert dataset.StudyInstanceUID.startswith("2.25.") and dataset.SOPInstanceUID.startswith("2.25.")
    assert dataset.SeriesDescription == "Research use only, predicted by ctan-monai ham10000"
    assert dicom_errors(tmp_path / "SC.dcm") == []
