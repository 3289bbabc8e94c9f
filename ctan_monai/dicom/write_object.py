# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""New DICOM objects beside a CT series, and how they are saved."""

from __future__ import annotations

import copy
import datetime
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from ctan_monai.utils.files import write_output

from .character_sets import declare_character_set
from .equipment import Maker
from .reference_series import DicomSource
from .save import save_dicom

__all__ = ["any_name", "image_reference", "new_object", "new_series", "save_object"]

IDENTITY = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex"),
    *("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"),
    *("PatientAge", "PatientSize", "PatientWeight"),
    *("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription", "AccessionNumber"),
    "ReferringPhysicianName",
)


def new_object(source: DicomSource, sop_class: UID, modality: str, maker: Maker, series_number: int) -> Dataset:
    """A new object in a new series of the CT's patient, study and frame of reference; its UIDs are of the root 2.25."""
    ct = source.slices[0]
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid(prefix=None)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for keyword in IDENTITY:
        if keyword in ct:
            dataset[keyword] = copy.deepcopy(ct[keyword])
    now = datetime.datetime.now()
    dataset.InstanceCreationDate = dataset.SeriesDate = now.strftime("%Y%m%d")
    dataset.InstanceCreationTime = dataset.SeriesTime = now.strftime("%H%M%S")
    dataset.Modality, dataset.SeriesDescription = modality, maker.description
    dataset.SeriesInstanceUID, dataset.SeriesNumber, dataset.InstanceNumber = (
        generate_uid(prefix=None),
        series_number,
        1,
    )
    dataset.OperatorsName = ""
    dataset.Manufacturer, dataset.ManufacturerModelName = maker.manufacturer, maker.model
    dataset.SoftwareVersions = maker.version
    dataset.FrameOfReferenceUID = ct.FrameOfReferenceUID
    dataset.PositionReferenceIndicator = ct.get("PositionReferenceIndicator") or ""
    return dataset


def new_series(maker: Maker, series_number: int) -> dict[str, Any]:
    """What highdicom's objects are told of the new series that each of them is: their arguments."""
    return {
        "series_instance_uid": generate_uid(prefix=None),
        "series_number": series_number,
        "sop_instance_uid": generate_uid(prefix=None),
        "instance_number": 1,
        "manufacturer": maker.manufacturer,
        "manufacturer_model_name": maker.model,
        "software_versions": maker.version,
        "series_description": maker.description,
    }


def image_reference(image: Dataset) -> Dataset:
    """A reference to one image."""
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    return reference


@contextmanager
def any_name() -> Iterator[None]:
    """Lets highdicom take the patient's name as it is, without a warning where it has one part only."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=".*unlikely to represent the intended person name", category=UserWarning
        )
        yield


def save_object(path: Path | str, dataset: Dataset, source: DicomSource | None = None) -> None:
    """Writes a DICOM file, as a whole or not at all.

    Args:
        path: the file.
        dataset: the object.
        source: the CT, whose character set it gets where that has all of its characters; None: it has its own.

    Raises:
        OSError: it cannot be written; the message names it.
    """

    if source is not None:
        declare_character_set(dataset, source.character_set)

    def write(stream: IO[bytes]) -> None:
        save_dicom(dataset, stream)

    write_output(path, write)
