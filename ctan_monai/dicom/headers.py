# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Headers of the DICOM files among given files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pydicom
from pydicom.errors import InvalidDicomError
from pydicom.uid import CTImageStorage

from ctan_monai.errors import InputError

__all__ = ["DamagedFile", "dicom_header", "dicom_headers"]

TAGS = [
    *(
        "Modality",
        "SOPClassUID",
        "SOPInstanceUID",
        "ImageType",
        "PatientID",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SeriesNumber",
        "SeriesDescription",
    ),
    *("FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns"),
    *("BitsAllocated", "RescaleSlope", "RescaleIntercept", "NumberOfFrames"),
]


class DamagedFile(InputError):
    """A damaged DICOM file.

    Attributes:
        modality: its Modality; empty where the file ends before.
    """

    modality = ""


def dicom_headers(files: Iterable[Path]) -> dict[Path, pydicom.Dataset]:
    """Reads the tags that series checks need; files that are not DICOM are left out.

    Whether a file is DICOM is told by its content, as exports often have no or odd file name extensions.

    Raises:
        InputError: a file that starts as DICOM or is named ``.dcm`` but cannot be parsed or holds too few pixels.
    """
    headers = {path: dicom_header(path) for path in files}
    return {path: header for path, header in headers.items() if header is not None}


def dicom_header(path: Path) -> pydicom.Dataset | None:
    """The tags of one file that series checks need; None: it is not DICOM, or an index (DICOMDIR).

    Raises:
        InputError: see :py:func:`dicom_headers`.
    """
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS))
    except InvalidDicomError as error:
        if path.suffix.lower() == ".dcm":
            raise _damaged(path, "it has no DICOM header") from error
        return None
    except Exception as error:  # pydicom raises many kinds of errors on damaged files
        raise _damaged(path, str(error)) from error
    if "Modality" not in header:
        if header.file_meta.get("MediaStorageSOPClassUID") == CTImageStorage:
            raise _damaged(path, "it ends before its Modality")
        return None  # DICOMDIR, raw data
    _check_length(path, header)
    return header


def _check_length(path: Path, header: pydicom.Dataset) -> None:
    syntax = header.file_meta.get("TransferSyntaxUID")
    plain = syntax is not None and not syntax.is_compressed and not syntax.is_deflated  # the file holds all bytes
    if plain and "Rows" in header and "BitsAllocated" in header:
        expected = header.Rows * header.Columns * header.BitsAllocated // 8 * int(header.get("NumberOfFrames") or 1)
        found = path.stat().st_size
        if found < expected:
            error = _damaged(path, f"it has {found} bytes, its pixels alone need {expected}")
            error.modality = str(header.Modality)
            raise error


def _damaged(path: Path, found: str) -> DamagedFile:
    return DamagedFile(f"{path}: the DICOM file is damaged: {found}. Export or copy the series again.")
