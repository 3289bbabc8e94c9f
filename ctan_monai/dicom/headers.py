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

__all__ = ["dicom_headers"]

TAGS = [
    *(
        "Modality",
        "SOPClassUID",
        "ImageType",
        "PatientID",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SeriesDescription",
    ),
    *("FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "Rows", "Columns"),
    *("BitsAllocated", "RescaleSlope", "RescaleIntercept", "NumberOfFrames"),
]


def dicom_headers(files: Iterable[Path]) -> dict[Path, pydicom.Dataset]:
    """Reads the tags that series checks need; files that are not DICOM are left out.

    Whether a file is DICOM is told by its content, as exports often have no or odd file name extensions.

    Raises:
        InputError: a file that starts as DICOM or is named ``.dcm`` but cannot be parsed or holds too few pixels.
    """
    headers: dict[Path, pydicom.Dataset] = {}
    for path in files:
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS))
        except InvalidDicomError as error:
            if path.suffix.lower() == ".dcm":
                raise _damaged(path, "it has no DICOM header") from error
            continue
        except Exception as error:  # pydicom raises many kinds of errors on damaged files
            raise _damaged(path, str(error)) from error
        if "Modality" not in header:
            if header.file_meta.get("MediaStorageSOPClassUID") == CTImageStorage:
                raise _damaged(path, "it ends before its Modality")
            continue  # DICOMDIR, raw data
        _check_length(path, header)
        headers[path] = header
    return headers


def _check_length(path: Path, header: pydicom.Dataset) -> None:
    syntax = header.file_meta.get("TransferSyntaxUID")
    plain = syntax is not None and not syntax.is_compressed and not syntax.is_deflated  # the file holds all bytes
    if plain and "Rows" in header and "BitsAllocated" in header:
        expected = header.Rows * header.Columns * header.BitsAllocated // 8 * int(header.get("NumberOfFrames") or 1)
        found = path.stat().st_size
        if found < expected:
            raise _damaged(path, f"it has {found} bytes, its pixels alone need {expected}")


def _damaged(path: Path, found: str) -> InputError:
    return InputError(f"{path}: the DICOM file is damaged: {found}. Export or copy the series again.")
