# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Contours as a mask on the grid of a CT.

Why not rt-utils, which reads structure sets too: it rounds every point to whole pixels and paints the outline, so that
a contour with points between pixel centres grows by up to half a pixel on all sides; it needs ContourImageSequence,
which is optional and often absent; it swaps rows and columns of images that are not square; and it reads the series
anew for each structure set. On contours that run through pixel centres, such as its own, both give the same masks
(tests/dicom/test_contours_to_mask.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from ctan_monai.dicom.rtstruct import Structure
from ctan_monai.errors import InputError

__all__ = ["fill_even_odd", "rasterise"]

TOLERANCE = 1e-3  # voxels; DICOM's decimal strings are finer
FLAT = 0.25  # slices that the points of one contour may lie apart


def rasterise(structure: Structure, affine: np.ndarray, shape: Sequence[int]) -> tuple[np.ndarray, list[str]]:
    """A structure's mask: voxels whose centre lies inside its contours, or on one.

    Contours of one plane combine by even-odd: an outline inside another cuts a hole. A keyhole contour, which runs to
    the hole and back along one line, gives the same. A plane belongs to the slice nearest to it; of several planes near
    one slice the nearest counts.

    Args:
        structure: contours in RAS mm.
        affine: (4, 4) of the CT, index (x, y, slice) to RAS mm.
        shape: of the CT, (x, y, slices).

    Returns:
        bool mask of that shape, and notes on contours that are not in it.

    Raises:
        InputError: contours that do not lie in the CT's slices.
    """
    to_index = np.linalg.inv(affine)
    planes: dict[float, list[np.ndarray]] = defaultdict(list)
    for points in structure.contours:
        index = points @ to_index[:3, :3].T + to_index[:3, 3]
        if np.ptp(index[:, 2]) > FLAT:
            raise InputError(
                f"structure '{structure.name}': a contour spans {np.ptp(index[:, 2]):.1f} slices of the CT; expected "
                "contours drawn in its axial slices. Export the structures on the axial CT."
            )
        planes[round(float(index[:, 2].mean()), 2)].append(index[:, :2])
    mask = np.zeros(tuple(shape), bool)
    nearest: dict[int, float] = {}
    beyond = 0
    for plane in planes:
        k = int(np.floor(plane + 0.5))
        if not 0 <= k < shape[2]:
            beyond += 1
        elif k not in nearest or abs(plane - k) < abs(nearest[k] - k):
            nearest[k] = plane
    for k, plane in nearest.items():
        mask[:, :, k] = fill_even_odd(planes[plane], (shape[0], shape[1]))
    notes = []
    if beyond:
        notes.append(f"'{structure.name}' has contours in {beyond} planes beyond the CT, which are left out")
    gaps = (max(nearest) - min(nearest) + 1 - len(nearest)) if nearest else 0
    if gaps:
        notes.append(f"'{structure.name}' has no contour in {gaps} of the slices between its contours")
    return mask, notes


def fill_even_odd(polygons: Sequence[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Pixels whose centre an odd number of the closed polygons surrounds, or one of them touches.

    Args:
        polygons: (N, 2) points (x, y) in pixels; (0, 0) is the first pixel's centre.
        shape: (width, height).

    Returns:
        bool (width, height).
    """
    width, height = shape
    polygons = [np.round(p, 4) for p in polygons]
    start = np.concatenate(polygons)
    end = np.concatenate([np.roll(p, -1, axis=0) for p in polygons])
    # Each edge crosses the rows from its lower end to below its upper end, so that a vertex counts once.
    low, high = (np.ceil(f(start[:, 1], end[:, 1])).astype(int) for f in (np.minimum, np.maximum))
    edge = np.repeat(np.arange(len(start)), high - low)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(high - low) - (high - low), high - low) + low[edge]
    slope = (end - start)[edge]
    x = start[edge, 0] + (row - start[edge, 1]) * slope[:, 0] / slope[:, 1]
    toggles = np.zeros((width + 1, height), np.int64)
    seen = (row >= 0) & (row < height)
    np.add.at(toggles, (np.clip(np.ceil(x[seen]), 0, width).astype(int), row[seen]), 1)
    inside = np.cumsum(toggles, axis=0)[:width] % 2 == 1
    # Centres on an outline belong to the structure: contours often run through pixel centres.
    touched = [np.stack([x, row], axis=1), start]
    level = np.abs(start[:, 1] - end[:, 1]) < TOLERANCE
    for (x0, y), (x1, _) in zip(start[level], end[level], strict=True):
        columns = np.arange(np.ceil(min(x0, x1) - TOLERANCE), np.floor(max(x0, x1) + TOLERANCE) + 1)
        touched.append(np.stack([columns, np.full(len(columns), y)], axis=1))
    points = np.concatenate(touched)
    pixel = np.rint(points)
    near = (np.abs(points - pixel) < TOLERANCE).all(axis=1) & ((pixel >= 0) & (pixel < shape)).all(axis=1)
    inside[tuple(pixel[near].astype(int).T)] = True
    return inside
