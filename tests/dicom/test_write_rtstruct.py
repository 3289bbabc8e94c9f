# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_cases import NAMES, POSITIONS, affine_of, label_map, write_ct
from dicom_validation import dicom_errors

from ctan_monai.dicom import (
    DicomSource,
    ct_series,
    mask_outlines,
    predicted_by,
    rasterize,
    read_source,
    read_structures,
    write_rtstruct,
)


def write(path: Path, source: DicomSource, labels: np.ndarray, warning: str = "") -> pydicom.Dataset:
    outlines = {name: mask_outlines(labels == label, source.affine) for name, label in NAMES.items()}
    write_rtstruct(path, source, outlines, predicted_by("prostate"), warning)
    return pydicom.dcmread(path)


@pytest.mark.parametrize("position", POSITIONS)
def test_our_reader_gets_the_masks_back_in_every_position(position: str, tmp_path: Path) -> None:
    source = write_ct(tmp_path / "CT", position)
    labels = label_map()
    write(tmp_path / "RS.dcm", source, labels)
    series = ct_series(tmp_path / "CT")
    structures = read_structures(tmp_path / "RS.dcm", series.frame_uid)
    assert [s.name for s in structures] == list(NAMES)
    for structure in structures:
        found, notes = rasterize(structure, series.affine, series.shape)
        np.testing.assert_array_equal(found, labels == NAMES[structure.name])
        assert notes == []
    # the place in the patient: voxel (3, 2, k) of the array lies where its slice's own header says
    np.testing.assert_allclose(
        source.affine[:3, :3], affine_of(position)[:3, :3] * [1, 1, -1 if "head to" in position else 1], atol=1e-5
    )
    assert dicom_errors(tmp_path / "RS.dcm") == []


@pytest.mark.parametrize("position", POSITIONS)
def test_each_contour_refers_to_the_slice_that_it_lies_in(position: str, tmp_path: Path) -> None:
    source = write_ct(tmp_path / "CT", position)
    dataset = write(tmp_path / "RS.dcm", source, label_map())
    images = {image.SOPInstanceUID: image for image in source.slices}
    frame = dataset.ReferencedFrameOfReferenceSequence[0]
    series = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    assert frame.FrameOfReferenceUID == source.slices[0].FrameOfReferenceUID
    assert series.SeriesInstanceUID == source.slices[0].SeriesInstanceUID
    assert [i.ReferencedSOPInstanceUID for i in series.ContourImageSequence] == list(images)
    for roi in dataset.ROIContourSequence:
        for contour in roi.ContourSequence:
            image = images[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
            row, column = np.array(image.ImageOrientationPatient, float).reshape(2, 3)
            points = np.array(contour.ContourData, float).reshape(-1, 3) - np.array(image.ImagePositionPatient, float)
            np.testing.assert_allclose(points @ np.cross(row, column), 0, atol=1e-3)
            assert contour.NumberOfContourPoints == len(points)


def test_identity_is_the_patients_and_the_rest_is_ours(tmp_path: Path) -> None:
    write_ct(tmp_path / "CT")
    for file in (tmp_path / "CT").iterdir():
        image = pydicom.dcmread(file)
        image.SpecificCharacterSet, image.PatientName = "ISO_IR 192", "Müller^Jürgen"
        image.PatientID, image.PatientBirthDate, image.PatientSex = "4711", "19500102", "M"
        image.AccessionNumber, image.StudyDescription, image.PatientIdentityRemoved = "A1", "planning", "NO"
        image.InstitutionName = "not copied"
        image.save_as(file)
    source = read_source(tmp_path / "CT")
    dataset = write(tmp_path / "RS.dcm", source, label_map(), "The rectum is unusually small.")
    for tag in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate"):
        assert dataset[tag].value == source.slices[0][tag].value, tag
    assert (dataset.AccessionNumber, dataset.StudyDescription) == ("A1", "planning")
    assert str(dataset.PatientName) == "Müller^Jürgen"
    assert "InstitutionName" not in dataset
    assert dataset.SeriesDescription == "Research use only, predicted by ctan-monai prostate"
    assert dataset.StructureSetDescription.startswith("Research use only")
    assert dataset.StructureSetDescription.endswith("The rectum is unusually small.")
    assert dataset.ApprovalStatus == "UNAPPROVED"
    assert {roi.ROIGenerationAlgorithm for roi in dataset.StructureSetROISequence} == {"AUTOMATIC"}
    types = {roi.RTROIInterpretedType for roi in dataset.RTROIObservationsSequence}
    assert types == {"ORGAN", "CTV"}
    new = {dataset.SOPInstanceUID, dataset.SeriesInstanceUID}
    assert all(uid.startswith("2.25.") for uid in new) and len(new) == 2
    assert not new & {source.slices[0].SeriesInstanceUID, *(s.SOPInstanceUID for s in source.slices)}
    assert dicom_errors(tmp_path / "RS.dcm") == []


def test_a_structure_without_voxels_has_no_contours(tmp_path: Path) -> None:
    source = write_ct(tmp_path / "CT")
    dataset = write(tmp_path / "RS.dcm", source, np.where(label_map() == 1, 0, label_map()))
    assert "ContourSequence" not in dataset.ROIContourSequence[0]
    assert dicom_errors(tmp_path / "RS.dcm") == []


def test_real_structures(pelvis: Path, tmp_path: Path) -> None:
    source = read_source(pelvis / "CT")
    with np.load(pelvis / "pelvis_case_zyx.npz") as arrays:
        names = ("CTV", "PTV", "Rectum", "Bladder", "Femur_L", "Femur_R", "BODY")
        masks = {name: arrays[name].transpose(2, 1, 0) for name in names}
    outlines = {name: mask_outlines(mask, source.affine) for name, mask in masks.items()}
    write_rtstruct(tmp_path / "RS.dcm", source, outlines, predicted_by("prostate"))
    frame = source.slices[0].FrameOfReferenceUID
    for structure in read_structures(tmp_path / "RS.dcm", frame):
        found, _ = rasterize(structure, source.affine, source.shape)
        assert (found == masks[structure.name]).all(), structure.name
    assert dicom_errors(tmp_path / "RS.dcm") == []


def test_an_outline_keeps_the_outermost_half_voxel() -> None:
    """Why rt-utils does not write it: find_mask_contours of rt-utils 1.2.7 gives an area of 16 for the same mask."""
    mask = np.zeros((9, 9, 1), bool)
    mask[2:7, 2:7] = True
    (ring,) = mask_outlines(mask, np.eye(4))
    x, y = ring[:, :2].T
    area = abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
    assert area == pytest.approx(24.5)  # of 25 pixels: the corners are cut
