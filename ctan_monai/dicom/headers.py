# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Headers of the DICOM files among given files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.errors import InvalidDicomError
from pydicom.uid import CTImageStorage, RTDoseStorage, RTPlanStorage, RTStructureSetStorage

from .read_file import DamagedFile, damaged_file, file_border, read_beginning, read_dicom

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
PIXELS = 0x7FE00010  # PixelData
READ = (CTImageStorage, RTStructureSetStorage, RTDoseStorage, RTPlanStorage)
_PREAMBLE = 128  # bytes before "DICM", mostly zeros


def dicom_headers(files: Iterable[Path]) -> dict[Path, pydicom.Dataset]:
    """Reads the tags that series checks need; files that are not DICOM are left out.

    Whether a file is DICOM is told by its content, as exports often have no or odd file name extensions.

    Raises:
        InputError: a file that starts as DICOM or is named ``.dcm`` but cannot be parsed, is cut off, or holds too few
            pixels.
    """
    headers = {path: dicom_header(path) for path in files}
    return {path: header for path, header in headers.items() if header is not None}


def dicom_header(path: Path) -> pydicom.Dataset | None:
    """The tags of one file that series checks need; None: it is not DICOM, or an index (DICOMDIR).

    Raises:
        DamagedFile: see :py:func:`dicom_headers`.
    """
    try:
        return _read(path)
    except DamagedFile as error:
        error.modality = str(read_beginning(path).get("Modality", ""))
        raise


def _read(path: Path) -> pydicom.Dataset | None:
    try:
        header = read_dicom(path, [*TAGS, "PixelData"])
    except InvalidDicomError as error:
        if path.suffix.lower() == ".dcm" or _is_preamble(path):
            raise damaged_file(path, "it has no DICOM header") from error
        return None
    with file_border(path):
        if "Modality" not in header:
            about = header.file_meta
            if "TransferSyntaxUID" not in about or about.get("MediaStorageSOPClassUID") in (None, *READ):
                raise damaged_file(path, "it ends before its Modality")
            return None  # DICOMDIR, raw data
        for tag in TAGS:
            header.get(tag)  # parses it
        _check_pixels(path, header)
    return header


def _is_preamble(path: Path) -> bool:
    """Whether a file is the beginning of a DICOM file that was cut off at once."""
    return 0 < path.stat().st_size <= _PREAMBLE + 4 and not any(path.read_bytes()[:_PREAMBLE])


def _check_pixels(path: Path, header: pydicom.Dataset) -> None:
    pixels = next((element for element in header.values() if element.tag == PIXELS), None)
    if pixels is None:
        # an RTDOSE may hold histograms alone, and has no rows then
        if header.get("SOPClassUID") == CTImageStorage or "Rows" in header:
            raise damaged_file(path, "it ends before its pixels")
        return
    syntax = header.file_meta.get("TransferSyntaxUID")
    if syntax is not None and not syntax.is_compressed and isinstance(pixels, RawDataElement):
        expected = header.Rows * header.Columns * header.BitsAllocated // 8 * int(header.get("NumberOfFrames") or 1)
        if pixels.length < expected:
            raise damaged_file(path, f"its pixels have {pixels.length} bytes; expected {expected}")
