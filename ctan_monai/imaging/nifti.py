# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Check of a NIfTI file that is to be read as one CT volume."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.affines import voxel_sizes

from ctan_monai.utils.errors import InputError
from ctan_monai.utils.limits import check_volume_size

from .geometry import check_axes

__all__ = ["check_nifti", "is_nifti", "load_nifti", "nifti_stem"]


def is_nifti(path: Path | str) -> bool:
    """Whether the name ends in .nii or .nii.gz."""
    return str(path).lower().endswith((".nii", ".nii.gz"))


def nifti_stem(path: Path | str) -> str:
    """The file's name without .nii or .nii.gz."""
    name = Path(path).name
    return name[: -len(".nii.gz")] if name.lower().endswith(".gz") else name[: -len(".nii")]


def load_nifti(path: Path | str) -> Any:
    """Nibabel's image of a file; in nibabel's hands, a path that begins with "~" would lead to a home folder."""
    return nib.load(Path(path).absolute())


def check_nifti(path: Path | str) -> None:
    """Checks that a NIfTI file is whole and holds one 3-D volume with a known orientation.

    A .nii.gz is decompressed once, in pieces: only that shows a truncated file before the network runs (under a second
    for 512 x 512 x 200 voxels). Trailing axes of length 1 are accepted.

    Raises:
        InputError: unreadable or truncated; not 3-D, several channels; no orientation; tilted or oblique axes; two
            voxel sizes.
    """
    try:
        image = load_nifti(path)
    except Exception as error:  # nibabel raises many kinds of errors on damaged files
        raise _damaged(path, str(error)) from error
    if not isinstance(image, nib.Nifti1Image):
        raise _damaged(path, f"its content is {type(image).__name__}")
    shape, dtype = image.shape, image.get_data_dtype()
    if dtype.fields is not None or dtype.kind == "c":
        raise InputError(
            f"{path}: its voxels have several channels ({dtype}); expected one HU value. Give the CT itself."
        )
    check_volume_size(shape, dtype.itemsize, str(path))
    volume = shape[:3] if all(n == 1 for n in shape[3:]) else shape
    if len(volume) != 3 or min(volume) < 2:
        raise InputError(
            f"{path}: its shape is {shape}; expected one 3-D volume. Save one time point or channel alone."
        )
    if int(image.header["sform_code"]) == 0 and int(image.header["qform_code"]) == 0:
        raise InputError(
            f"{path}: its header holds no orientation (sform and qform codes are 0), so left and right are unknown. "
            "Convert the CT again from DICOM, or set the sform."
        )
    check_axes(np.asarray(image.affine), str(path))
    # MONAI's reader would take pixdim's, and nibabel the sform's
    claimed, sizes = np.asarray(image.header.get_zooms()[:3], float), voxel_sizes(np.asarray(image.affine))
    if not np.allclose(claimed, sizes, rtol=0.01, atol=0):
        raise InputError(
            f"{path}: its header has two voxel sizes, {_sizes(claimed)} mm (pixdim) and {_sizes(sizes)} mm (sform). "
            "One is wrong: convert the image again from its source."
        )
    # the header's own vox_offset is reset by nibabel when it loads
    expected = int(image.dataobj.offset) + math.prod(shape) * dtype.itemsize  # type: ignore[attr-defined]
    try:
        found = _length(Path(path), expected)
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, str(error)) from error
    if found < expected:
        raise _damaged(path, f"it holds {found} bytes of {expected}")
    if found > expected and Path(path).suffix.lower() == ".gz":  # gigabytes may follow
        raise _damaged(path, f"it holds more than the {expected} bytes that its header says")


def _sizes(values: np.ndarray) -> str:
    return " x ".join(f"{value:g}" for value in values)


def _length(path: Path, expected: int) -> int:
    """Bytes in the file, decompressed; where there are more than expected, some more."""
    if path.suffix.lower() != ".gz":
        return path.stat().st_size
    length = 0
    with gzip.open(path) as stream:
        while length <= expected and (piece := stream.read(1 << 22)):
            length += len(piece)
    return length


def _damaged(path: Path | str, found: str) -> InputError:
    return InputError(f"{path}: not a readable NIfTI volume: {found}. Copy or convert the file again.")
