# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from ctan_monai.dicom import save_dicom


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_whole_file_in_its_transfer_syntax(tmp_path: Path, syntax: pydicom.uid.UID) -> None:
    """With pydicom 3 and, in MONAI Label's environment, 2.4."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid(prefix=None)
    dataset.PatientID = "phantom"
    save_dicom(dataset, tmp_path / "file.dcm")
    content = (tmp_path / "file.dcm").read_bytes()
    assert content[128:132] == b"DICM"
    stored = pydicom.dcmread(tmp_path / "file.dcm")
    assert stored.file_meta.TransferSyntaxUID == syntax
    assert stored.PatientID == "phantom"
