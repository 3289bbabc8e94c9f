# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_cases import NAMES, POSITIONS, label_map, write_ct
from dicom_validation import dicom_errors

from ctan_monai.dicom import predicted_by, read_source, write_seg
from ctan_monai.dicom.snomed_codes import segment_code

hd = pytest.importorskip("highdicom", reason="highdicom is not installed (pip install 'ctan-monai[dicom]')")


def by_slice(path: Path, uids: list[str], labels: np.ndarray) -> np.ndarray:
    """Label map (x, y, z) read through highdicom by the slices that the frames refer to."""
    seg = hd.seg.segread(path)
    pixels = seg.get_pixels_by_source_instance(uids, combine_segments=True, assert_missing_frames_are_empty=True)
    assert pixels.shape[0] == labels.shape[2]
    return pixels.transpose(2, 1, 0)


@pytest.mark.parametrize("position", POSITIONS)
def test_highdicom_gets_the_labels_back_in_every_position(position: str, tmp_path: Path) -> None:
    source = write_ct(tmp_path / "CT", position)
    labels = label_map()
    write_seg(tmp_path / "SEG.dcm", source, labels, NAMES, predicted_by("prostate"))
    found = by_slice(tmp_path / "SEG.dcm", [s.SOPInstanceUID for s in source.slices], labels)
    np.testing.assert_array_equal(found, labels)
    assert dicom_errors(tmp_path / "SEG.dcm") == []


def test_segments_say_what_they_are(tmp_path: Path) -> None:
    source = write_ct(tmp_path / "CT")
    labels = np.where(label_map() == 2, 0, label_map()).astype(np.uint8)
    write_seg(tmp_path / "SEG.dcm", source, labels, NAMES, predicted_by("prostate"), "The rectum is small.")
    dataset = pydicom.dcmread(tmp_path / "SEG.dcm")
    assert [s.SegmentLabel for s in dataset.SegmentSequence] == list(NAMES)
    assert [s.SegmentNumber for s in dataset.SegmentSequence] == list(NAMES.values()), "also of one that was not found"
    comment = f"{predicted_by('prostate').comment} The rectum is small."
    expected = [f"Not found: no voxels. {comment}" if label == 2 else comment for label in NAMES.values()]
    assert [s.SegmentDescription for s in dataset.SegmentSequence] == expected
    femur = dataset.SegmentSequence[2]
    kind = femur.SegmentedPropertyTypeCodeSequence[0]
    assert (kind.CodeMeaning, kind.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning) == ("Femur", "Left")
    assert femur.SegmentAlgorithmType == "AUTOMATIC"
    assert dataset.SeriesDescription == "Research use only, predicted by ctan-monai prostate"
    assert dataset.ContentQualification == "RESEARCH"
    assert dataset.StudyInstanceUID == source.slices[0].StudyInstanceUID
    assert dataset.PatientID == source.slices[0].PatientID
    assert dataset.SOPInstanceUID.startswith("2.25.")
    assert dicom_errors(tmp_path / "SEG.dcm") == []


def test_a_patients_name_beyond_ascii(tmp_path: Path) -> None:
    write_ct(tmp_path / "CT")
    for file in (tmp_path / "CT").iterdir():
        image = pydicom.dcmread(file)
        image.SpecificCharacterSet, image.PatientName = "ISO_IR 100", "Müller^Jürgen"
        image.save_as(file)
    write_seg(tmp_path / "SEG.dcm", read_source(tmp_path / "CT"), label_map(), NAMES, predicted_by("prostate"))
    assert str(pydicom.dcmread(tmp_path / "SEG.dcm").PatientName) == "Müller^Jürgen"
    assert dicom_errors(tmp_path / "SEG.dcm") == []


def test_real_labels(pelvis: Path, tmp_path: Path) -> None:
    source = read_source(pelvis / "CT")
    labels = np.zeros(source.shape, np.uint8)
    with np.load(pelvis / "pelvis_case_zyx.npz") as arrays:
        for name, label in zip(("Rectum", "Bladder", "Femur_L", "Femur_R", "CTV"), NAMES.values(), strict=True):
            labels[arrays[name].transpose(2, 1, 0)] = label
    write_seg(tmp_path / "SEG.dcm", source, labels, NAMES, predicted_by("prostate"))
    found = by_slice(tmp_path / "SEG.dcm", [s.SOPInstanceUID for s in source.slices], labels)
    np.testing.assert_array_equal(found, labels)
    assert dicom_errors(tmp_path / "SEG.dcm") == []


def test_a_label_without_codes() -> None:
    with pytest.raises(ValueError, match=r"the label 'liver' has no codes; there are some for brainstem, "):
        segment_code("liver")
