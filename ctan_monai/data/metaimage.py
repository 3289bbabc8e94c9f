# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""MetaImage (.mha, .mhd): the check of a file that is to be read as one CT volume, and its reading."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ctan_monai.dicom.geometry import check_axes
from ctan_monai.errors import InputError

if TYPE_CHECKING:
    import SimpleITK as sitk

__all__ = ["LPS_TO_RAS", "image_affine", "is_metaimage", "metaimage_stem", "metaimage_voxel_files", "read_metaimage"]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def is_metaimage(path: Path | str) -> bool:
    """Whether the name ends in .mha or .mhd."""
    return str(path).lower().endswith((".mha", ".mhd"))


def metaimage_stem(path: Path | str) -> str:
    """The file's name without .mha or .mhd."""
    return Path(path).name[: -len(".mha")]


def metaimage_voxel_files(path: Path | str) -> list[Path]:
    """The file that has the voxels of a header (.mhd), where it is there; SimpleITK does not tell its name.

    Returns:
        empty for a file that has them itself (.mha), and for other images.
    """
    path = Path(path)
    if path.suffix.lower() != ".mhd":
        return []
    found = re.search(r"^ElementDataFile\s*=\s*(.+?)\s*$", path.read_text(errors="replace"), re.MULTILINE)
    file = path.parent / found.group(1) if found else path
    return [file] if found and file.is_file() else []


def read_metaimage(path: Path | str) -> sitk.Image:
    """Reads a 3-D volume with its header's tags, in the file's own voxel type (no second copy in memory).

    Returns:
        SimpleITK's image; ``GetMetaData`` gives tags such as PatientAge.

    Raises:
        InputError: unreadable or truncated; not 3-D, several channels; tilted or oblique axes.
    """
    import SimpleITK as sitk  # here, so that NIfTI input does without it

    reader = sitk.ImageFileReader()
    reader.SetImageIO("MetaImageIO")
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _damaged(path) from error
    shape, components = reader.GetSize(), reader.GetNumberOfComponents()
    if len(shape) != 3 or min(shape) < 2 or components != 1:
        raise InputError(
            f"{path}: its shape is {shape} with {components} values a voxel; expected one 3-D volume of HU. "
            "Save the CT alone."
        )
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise _damaged(path) from error
    check_axes(image_affine(image), str(path))
    return image


def image_affine(image: sitk.Image) -> np.ndarray:
    """Affine (4, 4) from the voxel index (x, y, z) of a SimpleITK image to RAS mm."""
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * np.asarray(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return LPS_TO_RAS @ affine


def _damaged(path: Path | str) -> InputError:
    # ITK's own reason is the last error of the operating system, which for a short file is "Success"
    found = f"{Path(path).stat().st_size} bytes" if Path(path).is_file() else "no such file"
    return InputError(
        f"{path}: cannot be read as a MetaImage volume ({found}): it is cut off, or no MetaImage. "
        "Copy or download the file again."
    )
