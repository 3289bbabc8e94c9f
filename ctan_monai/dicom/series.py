# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""One CT series of DICOM files: checked, sorted and read as HU with an RAS affine."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.uid import RLELossless

from ctan_monai.utils.errors import InputError
from ctan_monai.utils.limits import check_volume_size
from ctan_monai.utils.quiet import quiet_stderr

from .find_series import MULTI_FRAME, SeriesFiles, no_slice, no_volume, tag_text
from .headers import dicom_headers
from .stack import stack_slices

__all__ = ["CTSeries", "check_series", "ct_series", "read_ct_series", "read_pixels"]

SAME_IN_ALL_SLICES = {
    "PatientID": "patients",
    "FrameOfReferenceUID": "frames of reference",
    "Rows": "numbers of rows",
    "Columns": "numbers of columns",
}
NUMBERS = {  # how many of them a slice has
    **{"ImagePositionPatient": 3, "ImageOrientationPatient": 6},
    **{"Rows": 1, "Columns": 1, "RescaleSlope": 1, "RescaleIntercept": 1},
}
SAME_SPACING_MM = 1e-4  # rounding of a decimal string; 0.05 mm over 512 pixels


@dataclass(frozen=True)
class CTSeries:
    """A checked series.

    Attributes:
        files: the slices, sorted along their normal (row direction x column direction).
        affine: (4, 4) index (column, row, slice) to RAS mm.
        shape: (columns, rows, slices).
        series_uid: SeriesInstanceUID; empty where the slices have none.
        frame_uid: FrameOfReferenceUID; empty where the slices have none.
    """

    files: tuple[Path, ...]
    affine: np.ndarray
    shape: tuple[int, int, int]
    series_uid: str
    frame_uid: str


def ct_series(source: Path | str | Iterable[Path | str]) -> CTSeries:
    """Checks the headers of one CT series; no pixels are read.

    Files are grouped by their tags, never by their names. Localizers, structures, doses and other modalities beside
    the series are left out.

    Args:
        source: the folder that holds the slices (not its sub-folders), or the slices' files, which may lie in several
            folders.

    Raises:
        InputError: no CT, two series, or slices that are not one regular axial volume in HU.
    """
    if isinstance(source, (str, Path)):
        name = str(source)
        files = sorted(p for p in Path(source).iterdir() if p.is_file() and not p.name.startswith("."))
    else:
        files = sorted(Path(p) for p in source)
        name = " and ".join(sorted({str(file.parent) for file in files})) or "no files"
    return check_series(name, dicom_headers(files))


def check_series(name: str, headers: Mapping[Path, Dataset]) -> CTSeries:
    """:py:func:`ct_series` of headers that are read already.

    Args:
        name: the folder, for messages.
        headers: of :py:func:`ctan_monai.dicom.dicom_headers`.

    Raises:
        InputError: see :py:func:`ct_series`.
    """
    slices = _one_series(name, headers)
    first = next(iter(slices.values()))
    uid = tag_text(first, "SeriesInstanceUID")
    for path, header in slices.items():
        for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
            if header.get(tag) is None:
                raise InputError(
                    f"{path}: the CT slice has no {tag}, so its place is unknown. Export the series again."
                )
        if header.get("RescaleSlope") is None or header.get("RescaleIntercept") is None:
            raise InputError(
                f"{path}: the CT slice has no RescaleSlope or RescaleIntercept, so its values cannot be turned into "
                "HU. Export the series again from the scanner or planning system, with these tags."
            )
        for tag, count in NUMBERS.items():
            _check_numbers(path, tag, header.get(tag), count)
    for tag, words in SAME_IN_ALL_SLICES.items():
        values = sorted({str(h.get(tag)) for h in slices.values()})
        if len(values) > 1:
            raise InputError(
                f"{name}: the slices of series {uid} have different {words}: {', '.join(values)}; expected the same in "
                f"all. {_apart(slices)}"
            )
    _check_pixel_spacing(f"{name}: the slices of series {uid}", slices)
    ordered, affine = stack_slices(name, slices)
    axes = "".join(nib.aff2axcodes(affine))
    if axes[2] not in "SI":
        raise InputError(
            f"{name}: the slices of series {uid} are not axial ({axes}), such as a coronal reformat; expected an axial "
            "CT. Give the axial series."
        )
    shape = (int(first.Columns), int(first.Rows), len(ordered))
    check_volume_size(shape, 2, name)
    frame = str(first.get("FrameOfReferenceUID") or "")
    return CTSeries(tuple(ordered), affine, shape, uid, frame)


def _check_numbers(path: Path, tag: str, value: Any, count: int) -> None:
    try:
        numbers = np.asarray(value, dtype=float).reshape(-1)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise InputError(
            f"{path}: {tag} of the CT slice is {value}; expected {count} number{'s' if count > 1 else ''}. Export the "
            "series again."
        )


def _check_pixel_spacing(what: str, slices: Mapping[Path, Dataset]) -> None:
    """Compares numbers: writers differ in the text ("2", "2.000") and in the last digits, even within one series."""
    spacings: dict[tuple[float, ...], str] = {}
    for path, header in slices.items():
        text = str(header.PixelSpacing)
        try:
            values = tuple(float(value) for value in header.PixelSpacing)
        except (TypeError, ValueError):
            values = ()
        if len(values) != 2 or not all(0 < value < np.inf for value in values):
            raise InputError(
                f"{path}: the CT slice has the PixelSpacing {text}; expected two numbers above 0, in mm. Export the "
                "series again."
            )
        spacings.setdefault(values, text)
    if np.ptp(list(spacings), axis=0).max() > SAME_SPACING_MM:
        raise InputError(
            f"{what} have different pixel spacings: {', '.join(sorted(spacings.values()))}; expected the same in all. "
            f"{_apart(slices)}"
        )


def _apart(slices: Mapping[Path, Dataset]) -> str:
    if len({path.parent for path in slices}) > 1:
        return "If these are several volumes, give one folder at a time."
    return "Put each volume's slices into a folder of its own."


def read_ct_series(source: Path | str | Iterable[Path | str]) -> tuple[np.ndarray, np.ndarray]:
    """Checks and reads one CT series.

    Returns:
        HU float32 of shape (columns, rows, slices), and the (4, 4) affine to RAS mm.

    Raises:
        InputError: see :py:func:`ct_series` and :py:func:`read_pixels`.
    """
    series = ct_series(source)
    return read_pixels(series), series.affine


def read_pixels(series: CTSeries) -> np.ndarray:
    """Reads the voxels of a checked series.

    Tags are read by pydicom, which the checks need. Pixels are read by SimpleITK (GDCM): it decodes every compressed
    transfer syntax without plug-ins and applies each slice's own rescale. Its geometry is not used: it sorts by the
    first slices alone and takes a missing slice with a mere warning.

    Returns:
        HU float32 of shape (columns, rows, slices).

    Raises:
        InputError: pixels that cannot be decoded, or decode to too few.
    """
    import SimpleITK as sitk  # here, so that NIfTI input does without it

    for file in series.files:
        _check_rle(file)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(f) for f in series.files])
    reader.SetOutputPixelType(sitk.sitkFloat32)
    with quiet_stderr():
        try:
            array = sitk.GetArrayFromImage(reader.Execute())
        except RuntimeError as error:
            for file in series.files:
                try:
                    sitk.ReadImage(str(file))
                except RuntimeError as of_file:
                    raise _undecodable(file, of_file) from error
            raise _undecodable(series.files[0].parent, error, "series") from error
    return array.transpose(2, 1, 0)


def _undecodable(path: Path, error: Exception, what: str = "slice") -> InputError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[-1].strip()
    reason = re.sub(r" ?\(0x[0-9a-f]+\)", "", reason)  # where ITK's object lies in memory
    return InputError(
        f"{path}: the pixels of the CT {what} cannot be decoded ({reason}). Export or copy the series again, if "
        "possible uncompressed."
    )


def _check_rle(file: Path) -> None:
    """Checks that run-length encoded pixels are all there: GDCM fills up a short plane from the next one's bytes."""
    try:
        if pydicom.filereader.read_file_meta_info(file).get("TransferSyntaxUID") == RLELossless:
            _ = pydicom.dcmread(file).pixel_array
    except Exception as error:  # pydicom raises many kinds of errors on damaged files
        raise _undecodable(file, error) from error


def _one_series(name: str, headers: Mapping[Path, Dataset]) -> dict[Path, Dataset]:
    """The slices of the only CT series among the headers."""
    series: dict[str, dict[Path, Dataset]] = {}
    for path, header in headers.items():
        if not no_slice(header) and header.get("SOPClassUID") not in MULTI_FRAME:
            series.setdefault(str(header.get("SeriesInstanceUID")), {})[path] = header
    volumes = {uid: slices for uid, slices in series.items() if not no_volume(SeriesFiles(slices))}
    series = volumes or series
    if not series:
        if any(h.get("SOPClassUID") in MULTI_FRAME for h in headers.values()):
            raise InputError(
                f"{name}: the CT is stored as one multi-frame file (Enhanced CT); expected one file per slice. "
                "Export it as classic CT images, or convert it to NIfTI, for example with dcm2niix."
            )
        found = Counter(no_slice(h) for h in headers.values())
        listed = ", ".join(f"{what} ({n} files)" for what, n in sorted(found.items())) or "no DICOM files"
        raise InputError(f"{name}: there are no CT slices; found {listed}. Give the folder that holds the CT slices.")
    patients = sorted({str(next(iter(s.values())).get("PatientID", "")) for s in series.values()})
    if len(patients) > 1:
        raise InputError(
            f"{name}: there are CT slices of {len(patients)} patients (PatientID {', '.join(patients)}), expected one. "
            "Move the files of each patient into a folder of its own and give the one to use."
        )
    if len(series) > 1:
        listed = "; ".join(
            sorted(
                f"'{next(iter(s.values())).get('SeriesDescription', '')}' with {len(s)} slices (UID {uid})"
                for uid, s in series.items()
            )
        )
        raise InputError(
            f"{name}: there are {len(series)} CT series, expected one: {listed}. "
            "Move the files of each series into a folder of its own and give the one to use."
        )
    return next(iter(series.values()))
