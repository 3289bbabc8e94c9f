# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The targets of a patient as masks on one grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from ctan_monai.utils.names import printable

from .read_targets import Target

__all__ = ["MOST_LEVELS", "target_masks"]

MOST_LEVELS = 8  # different doses of a volume of Gy; more are not prescriptions, but painted or interpolated
_SAME = 1e-3  # mm a voxel
_DIGITS = 2  # of Gy, by which doses differ


def target_masks(
    targets: Sequence[Target], affine: np.ndarray, shape: Sequence[int]
) -> dict[str, tuple[float, np.ndarray]]:
    """Brings targets onto a grid, by the nearest voxel.

    Args:
        targets: of :py:func:`ctan_monai.transforms.read_targets.read_targets`.
        affine: (4, 4), index of the grid to RAS mm.
        shape: of the grid, (x, y, z).

    Returns:
        by name Gy and bool voxels. Each dose in a volume of Gy is a target, called "70 Gy" and so on; empty where there
        are more than ``MOST_LEVELS``.
    """
    masks: dict[str, tuple[float, np.ndarray]] = {}
    for target in targets:
        array = _on_grid(target, affine, shape)
        if target.dose is not None:
            masks[_unused(printable(target.name), masks)] = (float(target.dose), array)
            continue
        gray = array.round(_DIGITS)
        levels = np.unique(gray[gray > 0])
        for level in levels if len(levels) <= MOST_LEVELS else ():
            masks[f"{level:.{_DIGITS}f}".rstrip("0").rstrip(".") + " Gy"] = (float(level), gray == level)
    return masks


def _on_grid(target: Target, affine: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    if target.array.shape == tuple(shape) and np.abs(target.affine - affine).max() < _SAME:
        return target.array
    to_target = np.linalg.inv(target.affine) @ affine
    array = target.array.astype(np.uint8) if target.array.dtype == bool else target.array
    moved = ndimage.affine_transform(
        array, to_target[:3, :3], to_target[:3, 3], tuple(shape), order=0, mode="grid-constant"
    )
    return np.asarray(moved.astype(target.array.dtype))


def _unused(name: str, taken: dict[str, tuple[float, np.ndarray]]) -> str:
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name} ({number})"
    return found
