# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from dicom_cases import SHAPE, write_ct

from ctan_monai.dicom import InputError, read_source


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


def test_tags_that_may_be_empty_are_there_and_no_sex_is_made_up(tmp_path: Path) -> None:
    write_ct(tmp_path)
    change(tmp_path, PatientName=None, StudyID=None, PatientBirthDate=None, PatientSex="X")
    header = read_source(tmp_path).slices[0]
    assert [header[tag].value or "" for tag in ("PatientName", "StudyID", "PatientBirthDate", "PatientSex")] == 4 * [""]
