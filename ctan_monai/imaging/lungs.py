# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Where the lungs are in a chest CT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .body import body_mask

__all__ = ["Lungs", "find_lungs"]

AIR_HU = -320.0  # below: air or aerated lung (Hu et al., IEEE TMI 20(6), 2001, find thresholds near this one)
PURE_AIR_HU = -950.0  # a region whose median is below holds no tissue: room air, bowel gas, padding; lungs have some
SMALLEST_ML = 300.0  # of both lungs; consolidated lungs of adults still hold more air
SECOND_SHARE = 0.2  # of the larger lung; below, a region is not a second lung
EDGE_SHARE = 0.05  # of the largest slice's lung area; slices with less are trachea or tips


@dataclass(frozen=True)
class Lungs:
    """Voxels that hold the lungs.

    Attributes:
        box: (first, past last) index along x, y and z.
        found: "lungs"; "cut lungs", where the field of view cuts them off at the sides; "body", where none were found.
        cut: ends of the volume ("first", "last" slice) at which the lungs have not ended.
    """

    box: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    found: str
    cut: tuple[str, ...]


def find_lungs(ct_hu: np.ndarray, voxel_ml: float) -> Lungs:
    """Finds the lungs as the large air-filled regions inside the body.

    1. Air is below -320 HU. In each slice, air that reaches the border of the slice is outside.
    2. Of what is left, the largest 3-D component and, if it is of the same order, the second are the lungs (one
       component where the trachea joins them). Components of pure air, median below -950 HU, are bowel gas.
    3. Where that leaves less than 300 ml, the field of view may cut the lungs: air at the border counts as well, unless
       it is pure air.
    4. Where that fails too, the body is taken, and if there is none, the whole volume.

    Slices whose lung area is under 5 % of the largest (trachea, tips) are not part of the box.

    Args:
        ct_hu: CT in HU (x, y, z) with axial slices ``[..., z]``, at a few mm a voxel: noise would make holes in finer
            ones, and memory is a multiple of the array's.
        voxel_ml: volume of a voxel.

    Returns:
        the box, see :py:class:`Lungs`.
    """
    air = ct_hu < AIR_HU
    in_plane = np.zeros((3, 3, 3), bool)
    in_plane[:, 1, 1] = in_plane[1, :, 1] = True
    regions, _ = ndimage.label(air, structure=in_plane)
    border = np.unique(np.concatenate([regions[e].ravel() for e in (np.s_[[0, -1]], np.s_[:, [0, -1]])]))
    border = border[border > 0]
    inside = air & ~np.isin(regions, border)
    lungs = _lungs(ct_hu, inside, voxel_ml)
    found = "lungs"
    if lungs is None and len(border):
        medians = np.asarray(ndimage.median(ct_hu, regions, border))
        lungs = _lungs(ct_hu, inside | np.isin(regions, border[medians > PURE_AIR_HU]), voxel_ml)
        found = "cut lungs"
    if lungs is None:
        lungs = body_mask(ct_hu)
        found = "body"
        if not lungs.any():
            lungs = np.ones_like(lungs)
    area = lungs.sum(axis=(0, 1))
    slices = np.flatnonzero(area >= EDGE_SHARE * area.max())
    z = (int(slices[0]), int(slices[-1]) + 1)
    x, y = (_extent(np.asarray(lungs[:, :, z[0] : z[1]].any(axis=(1 - axis, 2)))) for axis in (0, 1))
    cut = tuple(name for name, end, at in (("first", 0, z[0]), ("last", len(area), z[1])) if at == end)
    return Lungs((x, y, z), found, cut if found != "body" else ())


def _lungs(ct_hu: np.ndarray, air: np.ndarray, voxel_ml: float) -> np.ndarray | None:
    """The components of the lungs; None where they hold too little."""
    components, _ = ndimage.label(air)
    sizes = np.bincount(components.reshape(-1))
    sizes[0] = 0
    chosen: list[int] = []
    for label in np.argsort(sizes)[::-1]:
        if sizes[label] < SECOND_SHARE * (sizes[chosen[0]] if chosen else SMALLEST_ML / voxel_ml) or len(chosen) == 2:
            break
        if np.median(ct_hu[components == label]) > PURE_AIR_HU:
            chosen.append(int(label))
    if not chosen or sizes[chosen].sum() * voxel_ml < SMALLEST_ML:
        return None
    return np.isin(components, chosen)


def _extent(line: np.ndarray) -> tuple[int, int]:
    where = np.flatnonzero(line)
    return int(where[0]), int(where[-1]) + 1
