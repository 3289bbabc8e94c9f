# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The CT series that new DICOM objects belong to."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.valuerep import DA, TM

from ctan_monai.utils.errors import InputError

from .character_sets import decode_header, standard_character_set
from .read_file import file_border
from .series import ct_series

__all__ = ["DicomSource", "read_source"]

logger = logging.getLogger(__name__)

REQUIRED = ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID")
# Their values may be unknown, but the standard wants them to be there (type 2), and so does highdicom.
MAY_BE_EMPTY = (
    *("PatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    *("StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName"),
)
SEXES = ("M", "F", "O", "")
DATES_AND_TIMES = {"PatientBirthDate": DA, "StudyDate": DA, "StudyTime": TM}


@dataclass(frozen=True)
class DicomSource:
    """A CT series without its pixels.

    Attributes:
        slices: headers, sorted along the slices' normal: slice k of a volume is ``slices[k]``. Tags of patient and
            study that may be empty are there; sex, dates and times that the standard does not allow are empty.
        affine: (4, 4) index (column, row, slice) to RAS mm.
        shape: (columns, rows, slices).
        character_set: of the CT, see :py:func:`ctan_monai.dicom.character_sets.standard_character_set`. The headers
            themselves hold Unicode, and say so.
    """

    slices: tuple[Dataset, ...]
    affine: np.ndarray
    shape: tuple[int, int, int]
    character_set: Sequence[str] | None = None


def read_source(source: Path | str | Iterable[Path | str]) -> DicomSource:
    """Reads what new objects need of a CT series: the identities of patient, study and slices, and the grid.

    Args:
        source: the folder that holds the slices, or the slices' files.

    Raises:
        InputError: see :py:func:`ctan_monai.dicom.ct_series`; or a slice without one of the UIDs to refer to, or with
            several values of patient or study where one belongs.
    """
    series = ct_series(source)
    slices = tuple(_read(path, series.affine) for path in series.files)
    with file_border(series.files[0]):
        declared = pydicom.dcmread(series.files[0], specific_tags=["SpecificCharacterSet"]).get("SpecificCharacterSet")
    uids = [header.SOPInstanceUID for header in slices]
    if len(set(uids)) < len(uids):
        twice = next(uid for uid in uids if uids.count(uid) > 1)
        names = ", ".join(path.name for path, uid in zip(series.files, uids, strict=True) if uid == twice)
        raise InputError(
            f"{series.files[0].parent}: several slices have the SOPInstanceUID {twice}: {names}; expected one of each, "
            "for DICOM results refer to it. Export the series again, or leave --dicom_output out."
        )
    lost = [tag for tag in MAY_BE_EMPTY if "\ufffd" in str(slices[0][tag].value)]
    if lost:
        logger.warning("%s: %s cannot be read whole as SpecificCharacterSet %s.", series.files[0], lost[0], declared)
    return DicomSource(slices, series.affine, series.shape, standard_character_set(declared))


def _read(path: Path, affine: np.ndarray) -> Dataset:
    """A slice's header, checked."""
    with file_border(path):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        decode_header(header)
        missing = [tag for tag in REQUIRED if not header.get(tag)]
        if missing:
            raise InputError(
                f"{path}: the CT slice has no {', '.join(missing)}; expected it, for DICOM results refer to it. Export "
                "the series again, or leave --dicom_output out."
            )
        for tag in MAY_BE_EMPTY:
            if header.get(tag) is None:
                setattr(header, tag, "")
        _forget_invalid(header)
        several = [tag for tag in (*REQUIRED, *MAY_BE_EMPTY) if header[tag].VM > 1]
        if several:
            raise InputError(
                f"{path}: {several[0]} has {header[several[0]].VM} values, separated by a backslash; expected one, to "
                "copy it into DICOM results. Correct the CT's headers, or leave --dicom_output out."
            )
        if not _is_length(header.get("SliceThickness")):
            header.SliceThickness = f"{np.linalg.norm(affine[:3, 2]):.8g}"
        if "SpacingBetweenSlices" in header and not _is_length(header.SpacingBetweenSlices):
            del header.SpacingBetweenSlices
        return header


def _is_length(value: Any) -> bool:
    try:
        return 0 < float(value) < np.inf
    except (TypeError, ValueError):
        return False


def _forget_invalid(header: Dataset) -> None:
    """Empties what may be unknown and cannot be written again, such as a birth date "1950" of de-identified data."""
    if header.PatientSex not in SEXES:
        header.PatientSex = ""
    for tag, kind in DATES_AND_TIMES.items():
        try:
            kind(str(header[tag].value or ""))
        except ValueError:
            setattr(header, tag, "")
