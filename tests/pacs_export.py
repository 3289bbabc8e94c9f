# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A made-up export of a PACS: four patients, of one all that lies in a radiotherapy study, with a DICOMDIR."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from dicom_exports import bolus_tracking, change, dose_report, exam_summary, scout
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from ctan_monai.dicom import mask_outlines, read_source, save_dicom, write_ct_series, write_rtdose, write_rtstruct


@dataclass(frozen=True)
class Patient:
    """How a patient's name is written, and in which characters."""

    name: str
    character_set: str | list[str]


PATIENTS = {
    "JP1": Patient("Yamada^Tarou=山田^太郎=やまだ^たろう", ["", "ISO 2022 IR 87"]),
    "KR2": Patient("Hong^Gildong=洪^吉洞=홍^길동", ["", "ISO 2022 IR 149"]),
    "CN3": Patient("Wang^XiaoDong=王^小东", "GB18030"),
    "DE4": Patient("Äneas^Rüdiger", "ISO_IR 100"),
}


def write_pacs_export(folder: Path, hu: np.ndarray, affine: np.ndarray) -> None:
    """Writes the export.

    In it: ``DICOMDIR``; for each patient ``<PatientID>/ST1/<series>``. The patient JP1 has a scout, the axial CT in two
    folders, a bolus tracking, a dose report, an exam summary, a CBCT, a structure set, a dose and a secondary capture.

    Args:
        folder: made here.
        hu: the axial CT of all patients, (x, y, z).
        affine: (4, 4) index to RAS mm.
    """
    for patient_id, patient in PATIENTS.items():
        study = folder / patient_id / "ST1"
        files = write_ct_series(study / "SE2", hu, affine, patient_id, "AXIAL 3.0")
        if patient_id == "JP1":
            _beside(study, files, hu, affine)
        uids = {"StudyInstanceUID": generate_uid(), "StudyID": "1"}
        for file in sorted(path for path in study.rglob("*") if path.is_file()):
            number = {"SeriesNumber": int(file.parent.name[2:].rstrip("B"))}
            change(file, SpecificCharacterSet=patient.character_set, PatientName=patient.name, **uids, **number)
            file.rename(file.with_name("IM" + file.name.replace("CT.", "").removesuffix(".dcm")))
    _write_dicomdir(folder)


def _write_dicomdir(folder: Path) -> None:
    """The index of the media: a record for each file."""
    index = Dataset()
    index.file_meta = FileMetaDataset()
    index.file_meta.MediaStorageSOPClassUID = index.SOPClassUID = MediaStorageDirectoryStorage
    index.file_meta.MediaStorageSOPInstanceUID = index.SOPInstanceUID = generate_uid()
    index.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    index.FileSetID, index.DirectoryRecordSequence = "EXPORT", []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        record = Dataset()
        record.OffsetOfTheNextDirectoryRecord, record.RecordInUseFlag = 0, 0xFFFF
        record.DirectoryRecordType, record.Modality = "IMAGE", "CT"
        record.ReferencedFileID = list(file.relative_to(folder).parts)
        index.DirectoryRecordSequence.append(record)
    save_dicom(index, folder / "DICOMDIR")


def _beside(study: Path, files: list[Path], hu: np.ndarray, affine: np.ndarray) -> None:
    """What else a study holds; the second half of the axial CT moves."""
    source = read_source(study / "SE2")
    scout(files[0], study / "SE1" / "1")
    bolus_tracking(files[0], study / "SE3")
    dose_report(files[0], study / "SE4" / "1")
    exam_summary(files[0], study / "SE5" / "1")
    inner = (slice(hu.shape[0] // 4, -(hu.shape[0] // 4)), slice(hu.shape[1] // 4, -(hu.shape[1] // 4)))
    shifted = affine.copy()
    shifted[:3, 3] += affine[:3, :2] @ [inner[0].start, inner[1].start]
    write_ct_series(study / "SE6", hu[inner], shifted, source.slices[0].PatientID, "CBCT")
    mask = np.zeros(hu.shape, bool)
    mask[tuple(slice(n // 3, n // 2) for n in hu.shape)] = True
    for number in (7, 8, 9):
        (study / f"SE{number}").mkdir()
    write_rtstruct(study / "SE7" / "1", source, {"PTV70": mask_outlines(mask, affine)})
    write_rtdose(study / "SE8" / "1", source, mask * 70.0, affine)
    capture = pydicom.dcmread(dose_report(files[0], study / "SE9" / "1"))
    change(study / "SE9" / "1", Modality="OT", SOPClassUID=SecondaryCaptureImageStorage, ImageType=capture.ImageType)
    (study / "SE2B").mkdir()
    for file in files[len(files) // 2 :]:
        file.rename(study / "SE2B" / file.name)


def expected_left_out(folder: Path) -> list[str]:
    """Lines of what is not a volume, sorted as they are listed."""
    study = folder / "JP1" / "ST1"
    return [
        f"{study / 'SE1'}: CT localizer (1 files)",
        f"{study / 'SE3'}: CT series 3 'AXIAL 3.0' at 1 position, such as bolus tracking (12 files)",
        f"{study / 'SE4'}: CT Secondary Capture Image Storage (1 files)",
        f"{study / 'SE5'}: CT series 5 'AXIAL 3.0' without position, such as a screen shot (1 files)",
        f"{study / 'SE7'}: RTSTRUCT (1 files)",
        f"{study / 'SE8'}: RTDOSE (1 files)",
        f"{study / 'SE9'}: OT (1 files)",
    ]
