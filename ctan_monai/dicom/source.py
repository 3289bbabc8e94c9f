# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The CT series that new DICOM objects belong to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.valuerep import DA, TM

from ctan_monai.dicom.read_file import file_border
from ctan_monai.dicom.series import ct_series
from ctan_monai.errors import InputError

__all__ = ["DicomSource", "read_source"]

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
    """

    slices: tuple[Dataset, ...]
    affine: np.ndarray
    shape: tuple[int, int, int]


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
    return DicomSource(slices, series.affine, series.shape)


def _read(path: Path, affine: np.ndarray) -> Dataset:
    """A slice's header, checked."""
    with file_border(path):
        header = pydicom.dcmread(path, stop_before_pixels=True)
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
        several = [tag for tag in MAY_BE_EMPTY if header[tag].VM > 1]
        if several:
            raise InputError(
                f"{path}: {several[0]} has {header[several[0]].VM} values, separated by a backslash; expected one, to "
                "copy it into DICOM results. Correct the CT's headers, or leave --dicom_output out."
            )
        if not header.get("SliceThickness"):
            header.SliceThickness = f"{np.linalg.norm(affine[:3, 2]):.8g}"
        return header


def _forget_invalid(header: Dataset) -> None:
    """Empties what may be unknown and cannot be written again, such as a birth date "1950" of de-identified data."""
    if header.PatientSex not in SEXES:
        header.PatientSex = ""
    for tag, kind in DATES_AND_TIMES.items():
        try:
            kind(str(header[tag].value or ""))
        except ValueError:
            setattr(header, tag, "")
