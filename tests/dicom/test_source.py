# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from dicom_cases import NAMES, SHAPE, SPACING, label_map, write_ct

from ctan_monai.dicom import predicted_by, read_source, write_seg
from ctan_monai.utils import InputError


def change(folder: Path, **values: object) -> None:
    for file in folder.iterdir():
        image = pydicom.dcmread(file)
        for tag, value in values.items():
            if value is None:
                delattr(image, tag)
            else:
                setattr(image, tag, value)
        image.save_as(file)


def test_slices_in_the_order_of_the_volume(tmp_path: Path) -> None:
    source = write_ct(tmp_path, "files from head to feet")
    assert source.shape == SHAPE
    heights = [float(image.ImagePositionPatient[2]) for image in source.slices]
    assert heights == sorted(heights)
    assert [int(image.InstanceNumber) for image in source.slices] == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("tag", ["StudyInstanceUID", "FrameOfReferenceUID"])
def test_an_identity_that_is_missing(tag: str, tmp_path: Path) -> None:
    write_ct(tmp_path)
    change(tmp_path, **{tag: None})
    with pytest.raises(InputError, match=rf"CT\.001\.dcm: the CT slice has no {tag}; expected it, for DICOM results"):
        read_source(tmp_path)


def test_a_name_with_a_backslash(tmp_path: Path) -> None:
    """Found before the network runs, not by highdicom after it."""
    write_ct(tmp_path)
    change(tmp_path, PatientName="Doe\\Jane", StudyDate="20200101\\20200102")
    with pytest.raises(InputError, match=r"CT\.001\.dcm: PatientName has 2 values, separated by a backslash; expected"):
        read_source(tmp_path)


def test_tags_that_may_be_empty_are_there_and_no_sex_is_made_up(tmp_path: Path) -> None:
    write_ct(tmp_path)
    change(tmp_path, PatientName=None, StudyID=None, PatientBirthDate=None, PatientSex="X", SliceThickness=None)
    header = read_source(tmp_path).slices[0]
    assert header.SliceThickness == SPACING[2]
    assert [header[tag].value or "" for tag in ("PatientName", "StudyID", "PatientBirthDate", "PatientSex")] == 4 * [""]


@pytest.mark.filterwarnings("ignore:Invalid value for VR:UserWarning")  # what is tested
@pytest.mark.parametrize(
    ("tag", "value", "expected"),
    [
        ("PatientBirthDate", "1950", ""),
        ("StudyDate", "unknown", ""),
        ("StudyDate", "2020.01.31", "2020.01.31"),
        ("StudyTime", "10:30", ""),
        ("StudyTime", "103059.123", "103059.123"),
    ],
)
def test_dates_that_cannot_be_written_again_are_empty(tag: str, value: str, expected: str, tmp_path: Path) -> None:
    """And highdicom takes the rest."""
    pytest.importorskip("highdicom")
    write_ct(tmp_path / "CT")
    change(tmp_path / "CT", **{tag: value})
    source = read_source(tmp_path / "CT")
    assert source.slices[0][tag].value == expected
    write_seg(tmp_path / "SEG.dcm", source, label_map(), NAMES, predicted_by("prostate"))
