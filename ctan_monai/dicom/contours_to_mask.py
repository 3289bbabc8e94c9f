# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Contours as a mask on the grid of a CT.

Why not rt-utils, which reads structure sets too: it rounds every point to whole pixels and paints the outline, so that
a contour with points between pixel centers grows by up to half a pixel on all sides; it needs ContourImageSequence,
which is optional and often absent; it swaps rows and columns of images that are not square; and it reads the series
anew for each structure set. On contours that run through pixel centers, such as its own, both give the same masks
(tests/dicom/test_contours_to_mask.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from nibabel.affines import voxel_sizes
from scipy import ndimage

from ctan_monai.utils.errors import InputError

from .fill_contours import combine_contours, fill_even_odd
from .rtstruct import Structure

__all__ = ["rasterize"]

FLAT = 0.25  # slices that the points of one contour may lie apart
SAME_PLANE_MM = 0.1  # positions are often rounded to 0.1 mm
ON_CENTER = 0.02  # pixels, for the same reason


def rasterize(structure: Structure, affine: np.ndarray, shape: Sequence[int]) -> tuple[np.ndarray, list[str]]:
    """A structure's mask: voxels whose center lies inside its contours, or on one.

    Contours of one plane, up to 0.1 mm apart, combine as :py:func:`combine_contours` says, or by exclusive or where the
    structure says so (CLOSEDPLANAR_XOR). A plane belongs to the slice nearest to it; of several planes near one slice
    the nearest counts. Slices between contours are interpolated where the gap is at most one slice wider than the
    contours' usual spacing, so that contours on every second slice give a whole organ. Wider gaps stay empty.

    Args:
        structure: contours in RAS mm.
        affine: (4, 4) of the CT, index (x, y, slice) to RAS mm.
        shape: of the CT, (x, y, slices).

    Returns:
        bool mask of that shape, and notes: the structure's own, on contours that are not in the mask or overlap, on
        gaps, and on points that all lie on pixel centers, where programs differ in what they take as inside.

    Raises:
        InputError: contours that are damaged or do not lie in the CT's slices.
    """
    if structure.damaged:
        raise InputError(structure.damaged)
    spacing = voxel_sizes(affine)
    tolerance = min(SAME_PLANE_MM / float(spacing[2]), FLAT)
    planes = _planes(structure, affine, tolerance)
    nearest: dict[int, float] = {}
    beyond, between = [], []
    for plane in planes:
        k = int(np.floor(plane + 0.5 + tolerance))  # planes halfway between slices all go the same way
        if not 0 <= k < shape[2]:
            beyond.append(plane)
        elif k not in nearest:
            nearest[k] = plane
        else:
            near, far = sorted((plane, nearest[k]), key=lambda at: abs(at - k))
            nearest[k] = near
            between.append(far)
    mask = np.zeros(tuple(shape), bool)
    overlapping = empty = 0
    for k, plane in nearest.items():
        empty += sum(not fill_even_odd([polygon], (shape[0], shape[1])).any() for polygon in planes[plane])
        if structure.exclusive:
            mask[:, :, k] = fill_even_odd(planes[plane], (shape[0], shape[1]))
        else:
            mask[:, :, k], overlap = combine_contours(planes[plane], (shape[0], shape[1]))
            overlapping += overlap
    interpolated = _interpolate(mask, sorted(nearest), spacing)
    gaps = (max(nearest) - min(nearest) + 1 - len(nearest) - interpolated) if nearest else 0
    notes = [
        (len(beyond), "has contours in {} planes beyond the CT, which are left out"),
        (len(between), "has contours in {} planes between the CT's slices, which are left out: the nearest one counts"),
        (empty, "has {} contours that hold no voxel's center"),
        (overlapping, "has contours that overlap, or are there twice, in {} slices: their union is taken"),
        (interpolated, "has no contour in {} of the slices between its contours, which are interpolated"),
        (gaps, "has no contour in {} of the slices between its contours"),
    ]
    points = np.concatenate([polygon for plane in planes.values() for polygon in plane] or [np.full((1, 2), 0.5)])
    if (np.abs(points - np.rint(points)) < ON_CENTER).all():
        notes.append((1, "has all its points on pixel centers: voxels on the outline are taken as inside"))
    return mask, [*structure.notes, *(f"'{structure.name}' {text.format(n)}" for n, text in notes if n)]


def _planes(structure: Structure, affine: np.ndarray, tolerance: float) -> dict[float, list[np.ndarray]]:
    """Position of each plane, in slices, to the contours in it, (N, 2) in pixels."""
    to_index = np.linalg.inv(affine)
    contours = []
    for points in structure.contours:
        index = points @ to_index[:3, :3].T + to_index[:3, 3]
        if np.ptp(index[:, 2]) > FLAT:
            raise InputError(
                f"structure '{structure.name}': a contour spans {np.ptp(index[:, 2]):.1f} slices of the CT; expected "
                "contours drawn in its axial slices. Export the structures on the axial CT."
            )
        contours.append((float(index[:, 2].mean()), index[:, :2]))
    planes: list[list[tuple[float, np.ndarray]]] = []
    for contour in sorted(contours, key=lambda item: item[0]):
        if planes and contour[0] - planes[-1][0][0] <= tolerance + 1e-6:
            planes[-1].append(contour)
        else:
            planes.append([contour])
    return {float(np.mean([at for at, _ in plane])): [polygon for _, polygon in plane] for plane in planes}


def _interpolate(mask: np.ndarray, slices: Sequence[int], spacing: np.ndarray) -> int:
    """Fills gaps between slices by the mean of signed distances (Raya and Udupa 1990); returns how many it filled."""
    steps = np.diff(slices)
    # two contours alone say nothing of a usual spacing
    widest = np.median(steps) + 1 if len(steps) > 1 else 2
    filled = 0
    for below, above in pairwise(slices):
        if not 1 < above - below <= widest:
            continue
        ends = [_signed_distance(mask[:, :, k], spacing[:2]) for k in (below, above)]
        for k in range(below + 1, above):
            share = (k - below) / (above - below)
            mask[:, :, k] = (1 - share) * ends[0] + share * ends[1] > -1e-6  # 0: a center on the outline
            filled += bool(mask[:, :, k].any())
    return filled


def _signed_distance(mask: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """mm to the nearest pixel of the other kind, positive inside the mask."""
    padded = np.pad(mask, 1)
    if not mask.any():
        return np.full(mask.shape, -np.inf)
    inside, outside = (ndimage.distance_transform_edt(m, sampling=spacing) for m in (padded, ~padded))
    return np.asarray((inside - outside)[1:-1, 1:-1])
