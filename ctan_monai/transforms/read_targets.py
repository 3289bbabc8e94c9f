# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The targets of a CT, read and checked: a structure set, masks, or a volume of prescribed Gy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ctan_monai.dicom import ct_series
from ctan_monai.dicom.targets import HIGHEST, LOWEST, parse_doses, prescribed_doses, rt_target_masks
from ctan_monai.imaging.metaimage import is_metaimage, read_metaimage_array
from ctan_monai.imaging.nifti import check_nifti, is_nifti, load_nifti, nifti_stem
from ctan_monai.utils import image_name
from ctan_monai.utils.errors import InputError

__all__ = ["TARGET_FORMS", "Image", "Target", "is_series", "is_structure_set", "read_targets"]

Image = Path | str | Sequence[Path | str]  # a file, the folder of a series, or its files

TARGET_FORMS = (
    "a DICOM structure set (RTSTRUCT), a folder of NIfTI masks such as PTV70.nii.gz, or a NIfTI volume of prescribed Gy"
)


@dataclass(frozen=True)
class Target:
    """A target of a patient, or several in one volume of prescribed dose.

    Attributes:
        name: of the structure or the mask's file; empty for a volume of Gy.
        array: (x, y, z), bool voxels of the target, or prescribed Gy, 0 outside the targets.
        affine: (4, 4) index to RAS mm.
        dose: prescribed to the voxels, Gy; None where the array holds it.
    """

    name: str
    array: np.ndarray
    affine: np.ndarray
    dose: float | None

    @property
    def gray(self) -> np.ndarray:
        """Prescribed dose in Gy, float32 (x, y, z)."""
        return self.array if self.dose is None else self.array * np.float32(self.dose)


def is_structure_set(path: Path | str) -> bool:
    """Whether targets are a structure set (RTSTRUCT): a file that is not NIfTI."""
    return not is_nifti(path) and not Path(path).is_dir()


def read_targets(path: Path | str, ct: Image, doses: str | None = None) -> list[Target]:
    """Reads and checks the targets of a CT.

    Args:
        path: an RTSTRUCT file, a folder of NIfTI masks that are named as the targets, or a NIfTI volume of Gy.
        ct: the CT's file, DICOM folder or DICOM files.
        doses: Gy by names, see :py:func:`ctan_monai.dicom.targets.parse_doses`.

    Returns:
        the targets, each on the grid of its file; those of a structure set on the CT's.

    Raises:
        InputError: see :py:func:`ctan_monai.dicom.targets.prescribed_doses`; or a target outside the CT.
    """
    path = Path(path)
    if is_structure_set(path):
        if not is_series(ct):
            raise InputError(
                f"{path}: a structure set needs the DICOM CT series that it was drawn on, but the CT is {ct}. Give "
                "that series' folder, or the targets as NIfTI masks."
            )
        series = ct_series(ct)
        masks = rt_target_masks(path, series, parse_doses(doses))
        return [Target(name, mask, series.affine, dose) for name, dose, mask in masks]
    volumes: list[tuple[Path, float | None]]
    if not path.is_dir():
        volumes = [(path, None)]
    else:
        files = sorted(p for p in path.iterdir() if is_nifti(p) and not p.name.startswith("."))
        names = [nifti_stem(p) for p in files]
        targets = prescribed_doses(names, parse_doses(doses), path)
        volumes = [(file, targets[name]) for file, name in zip(files, names, strict=True) if name in targets]
    ct_affine, ct_shape = _grid(ct)
    found = []
    for file, dose in volumes:
        check_nifti(file)
        image = load_nifti(file)
        array: np.ndarray = np.asarray(image.dataobj, np.float32)
        array = array.reshape(array.shape[:3])
        if dose is None:
            _check_gray(file, array)
        else:
            array = array > 0.5
        affine: np.ndarray = image.affine
        index = np.argwhere(array > 0) @ (to_ct := np.linalg.inv(ct_affine) @ affine)[:3, :3].T + to_ct[:3, 3]
        if not ((index >= -0.5) & (index <= np.asarray(ct_shape) - 0.5)).all(axis=1).any():
            where = "lies wholly outside the CT" if len(index) else "is empty"
            raise InputError(
                f"{file}: the target {where}; expected voxels within {image_name(ct)}. Give this patient's targets, "
                "in the same space as the CT."
            )
        found.append(Target("" if dose is None else nifti_stem(file), array, affine, dose))
    return found


def _check_gray(file: Path, array: np.ndarray) -> None:
    values = array[array != 0]
    if not len(values):
        raise InputError(f"{file}: holds no target: all voxels are 0. Give {TARGET_FORMS}.")
    low, high = float(values.min()), float(values.max())
    if not (low >= LOWEST and high <= HIGHEST):  # also where one of them is NaN
        raise InputError(
            f"{file}: its values, but for 0, are {low:g} to {high:g}; expected the prescribed dose, {LOWEST:g} to "
            f"{HIGHEST:g} Gy. Put masks into a folder, each named as its target, such as PTV70.nii.gz."
        )


def _grid(ct: Image) -> tuple[np.ndarray, tuple[int, ...]]:
    """Affine to RAS mm and shape of a CT."""
    if is_series(ct) or not isinstance(ct, str | Path):
        series = ct_series(ct)
        return series.affine, series.shape
    if is_metaimage(ct):
        array, affine = read_metaimage_array(ct)
        return affine, array.shape
    image = load_nifti(ct)
    return image.affine, image.shape[:3]


def is_series(ct: Image) -> bool:
    """Whether a CT is a DICOM series: its folder or its files."""
    return not isinstance(ct, str | Path) or Path(ct).is_dir()
