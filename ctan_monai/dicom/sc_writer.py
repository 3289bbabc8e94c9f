# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The mask of a photograph, as a DICOM secondary capture (SC)."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.uid import generate_uid

from .equipment import Maker
from .write_object import new_series, save_object

__all__ = ["write_sc"]


def write_sc(path: Path | str, mask: np.ndarray, case_id: str, maker: Maker) -> None:
    """Writes a mask as an image of 0 and 255.

    A photograph names no patient. The object is of a patient and a study of its own: the PatientID is made of the name
    of the photograph's file, all else that may be unknown is empty. Whoever files it with a real patient changes these.

    Args:
        path: the file.
        mask: bool (H, W).
        case_id: name of the photograph.
        maker: for the headers.

    Raises:
        OSError: the file cannot be written.
    """
    import highdicom as hd  # here, as it is optional

    now = datetime.datetime.now()
    dataset: Dataset = hd.sc.SCImage(
        pixel_array=np.where(mask, 255, 0).astype(np.uint8),
        photometric_interpretation=hd.PhotometricInterpretationValues.MONOCHROME2,
        bits_allocated=8,
        coordinate_system=hd.CoordinateSystemNames.PATIENT,
        patient_orientation=("L", "F"),
        study_instance_uid=generate_uid(prefix=None),
        **new_series(maker, 9005),
        patient_id=_fitted(f"photograph {case_id}"),
        study_date=now.date(),
        study_time=now.time(),
        specific_character_set="ISO_IR 192",
    )
    dataset.PatientOrientation = dataset.Laterality = None  # a photograph tells neither
    dataset.BurnedInAnnotation = "NO"
    dataset.ImageComments = f"{maker.comment} Mask of the photograph '{case_id}': 255 is lesion."
    save_object(path, dataset)


def _fitted(text: str) -> str:
    """As DICOM has a long string: at most 64 bytes, and no backslash, which parts values."""
    return text.replace("\\", "_").encode()[:64].decode(errors="ignore").strip()
