# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_cases import POSITIONS, dose_map, write_ct
from dicom_validation import dicom_errors

from ctan_monai.dicom import plan_dose, predicted_by, read_source, resample_dose, write_rtdose
from ctan_monai.dicom.rtdose import read_dose


@pytest.mark.parametrize("position", POSITIONS)
def test_every_reader_finds_the_dose_where_it_is(position: str, tmp_path: Path) -> None:
    source = write_ct(tmp_path / "CT", position)
    gray = dose_map()
    write_rtdose(tmp_path / "RD.dcm", source, gray, source.affine, predicted_by("prostate"))
    frame = source.slices[0].FrameOfReferenceUID
    found = resample_dose(plan_dose([tmp_path / "RD.dcm"], frame)[0], source.affine, source.shape)
    np.testing.assert_allclose(found, gray, atol=1e-4)
    assert dicom_errors(tmp_path / "RD.dcm") == []
    # SimpleITK, which leaves the scaling to its user: the value at the place in the patient of some voxels
    scaling = float(pydicom.dcmread(tmp_path / "RD.dcm").DoseGridScaling)
    image = sitk.ReadImage(str(tmp_path / "RD.dcm"))
    for index in ((6, 5, 2), (1, 9, 5), (12, 3, 0)):
        place = np.diag([-1.0, -1.0, 1.0]) @ (source.affine @ [*index, 1])[:3]
        value = image[image.TransformPhysicalPointToIndex(place.tolist())]
        assert value * scaling == pytest.approx(gray[index], abs=0.01), index
    dataset = pydicom.dcmread(tmp_path / "RD.dcm")
    if position != "a turned head":
        assert list(dataset.ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]
    assert list(dataset.GridFrameOffsetVector) == sorted(dataset.GridFrameOffsetVector)


def test_tags(tmp_path: Path) -> None:
    source = write_ct(tmp_path / "CT")
    gray = dose_map()
    write_rtdose(tmp_path / "RD.dcm", source, gray, source.affine, predicted_by("openkbp"), "The dose is high.")
    dataset = pydicom.dcmread(tmp_path / "RD.dcm")
    assert (dataset.DoseUnits, dataset.DoseType, dataset.DoseSummationType) == ("GY", "PHYSICAL", "PLAN")
    assert (dataset.BitsAllocated, dataset.PixelRepresentation) == (32, 0)
    assert dataset.pixel_array.max() == 2**32 - 1
    assert float(dataset.DoseGridScaling) * (2**32 - 1) == pytest.approx(float(gray.max()), rel=1e-9)
    assert len(str(dataset.DoseGridScaling)) <= 16
    assert dataset.FrameOfReferenceUID == source.slices[0].FrameOfReferenceUID
    assert [i.ReferencedSOPInstanceUID for i in dataset.ReferencedImageSequence] == [
        s.SOPInstanceUID for s in source.slices
    ]
    assert dataset.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID.startswith("2.25.")
    assert dataset.DoseComment == "No plan exists: the plan referred to is a placeholder."
    assert dataset.SeriesDescription == "Research use only, predicted by ctan-monai openkbp"
    assert dataset.ImageComments.endswith("The dose is high.")
    assert dataset.StudyInstanceUID == source.slices[0].StudyInstanceUID


def test_negative_values_become_0_and_no_dose_is_a_dose(tmp_path: Path) -> None:
    source = write_ct(tmp_path / "CT")
    gray = dose_map() - 1
    write_rtdose(tmp_path / "RD.dcm", source, gray, source.affine)
    frame = source.slices[0].FrameOfReferenceUID
    found = read_dose(tmp_path / "RD.dcm", frame)
    np.testing.assert_allclose(found.gray, gray.clip(0), atol=1e-6)
    write_rtdose(tmp_path / "zero.dcm", source, np.zeros(source.shape), source.affine)
    assert not read_dose(tmp_path / "zero.dcm", frame).gray.any()
    assert dicom_errors(tmp_path / "zero.dcm") == []


def test_real_dose(pelvis: Path, tmp_path: Path) -> None:
    source = read_source(pelvis / "CT")
    frame = source.slices[0].FrameOfReferenceUID
    gray = resample_dose(plan_dose([pelvis / "RD.dcm"], frame)[0], source.affine, source.shape)
    write_rtdose(tmp_path / "RD.dcm", source, gray, source.affine, predicted_by("prostate"))
    np.testing.assert_allclose(read_dose(tmp_path / "RD.dcm", frame).gray, gray, atol=1e-5)
    pixels = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "RD.dcm"))).transpose(2, 1, 0)
    scaling = float(pydicom.dcmread(tmp_path / "RD.dcm").DoseGridScaling)
    np.testing.assert_allclose(pixels * scaling, gray, atol=0.01)
    assert dicom_errors(tmp_path / "RD.dcm") == []
