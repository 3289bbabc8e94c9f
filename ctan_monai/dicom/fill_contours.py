# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Contours of one plane, filled and combined."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["combine_contours", "fill_even_odd"]

TOLERANCE = 1e-3  # voxels; DICOM's decimal strings are finer
_CROSSING = 0.05  # pixels by which, on average along its outline, a hole may reach beyond the contour around it
_THINNEST = 0.25  # pixels between an outline and its hole, on average; less is a copy that was drawn or rounded anew


def fill_even_odd(polygons: Sequence[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Pixels whose center an odd number of the closed polygons surrounds, or one of them touches.

    Args:
        polygons: (N, 2) points (x, y) in pixels; (0, 0) is the first pixel's center.
        shape: (width, height).

    Returns:
        bool (width, height).
    """
    inside, outline = _fill(polygons, shape)
    return np.asarray(inside | outline)


def combine_contours(polygons: Sequence[np.ndarray], shape: tuple[int, int]) -> tuple[np.ndarray, bool]:
    """The area of CLOSED_PLANAR contours in one plane: their union, but one that lies inside another is a hole in it.

    DICOM PS3.3 C.8.8.6.3 combines only CLOSEDPLANAR_XOR by exclusive or. Holes drawn as contours of their own are wide
    custom all the same, and so are islands in them. A copy of a contour or one that crosses another joins the union.

    Args:
        polygons: as in :py:func:`fill_even_odd`; each by itself is filled by even-odd, so that keyholes are.
        shape: (width, height).

    Returns:
        bool (width, height), and whether contours are copies or cross.
    """
    # what lies inside another has the smaller box, or the same box and the smaller area
    polygons = sorted(polygons, key=lambda p: (np.prod(np.ptp(p, axis=0)), _area(p)), reverse=True)
    low, high = (np.array([f(p, axis=0) for p in polygons]) for f in (np.min, np.max))
    around: list[list[int]] = []  # the contours that each lies in
    depth: list[int] = []
    overlap = False
    for i, polygon in enumerate(polygons):
        near = np.flatnonzero(((low[:i] < high[i]) & (high[:i] > low[i])).all(axis=1))
        pairs = {int(j): _nested(polygon, polygons[j]) for j in near}
        around.append([j for j, nested in pairs.items() if nested])
        overlap |= any(nested is False for nested in pairs.values())
        depth.append(1 + max((depth[j] for j in around[i]), default=-1))
    parts = [_fill([p], shape) for p in polygons]
    mask = np.zeros(shape, bool)
    for i in range(len(polygons)):
        if depth[i] % 2:
            continue
        area = parts[i][0] | parts[i][1]
        for hole in range(i + 1, len(polygons)):
            if i in around[hole] and depth[hole] == depth[i] + 1:
                area &= ~parts[hole][0] | parts[hole][1]
        mask |= area
    return mask, overlap


def _nested(inner: np.ndarray, outer: np.ndarray) -> bool | None:
    """Whether the smaller of two contours lies inside the other; None where they share no area.

    Measured on cells much smaller than the contour: contours touch, and are rounded, in too many ways for a test of
    points.
    """
    length = float(np.linalg.norm(inner - np.roll(inner, -1, axis=0), axis=1).sum())
    low, size = inner.min(axis=0), np.ptp(inner, axis=0)
    if not size.all():
        return None
    cells = np.clip(128 / size.max(), 1, 64)  # a pixel
    window = tuple(int(n) for n in np.ceil(size * cells))
    a, b = (_fill([(polygon - low) * cells - 0.5], (window[0], window[1]))[0] for polygon in (inner, outer))
    shared, beyond = ((a & c).sum() / cells**2 / length for c in (b, ~b))
    if shared <= _CROSSING:
        return None
    between = (_area(outer) - _area(inner)) / length + 2 * beyond
    return bool(beyond <= _CROSSING and between >= _THINNEST)


def _area(polygon: np.ndarray) -> float:
    x, y = (polygon - polygon[0]).T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def _fill(polygons: Sequence[np.ndarray], shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels whose center the polygons surround, by even-odd, and those with a center on an outline."""
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
    outline = np.zeros_like(inside)
    # Centers on an outline belong to the structure: contours often run through pixel centers.
    touched = [np.stack([x, row], axis=1), start]
    level = np.abs(start[:, 1] - end[:, 1]) < TOLERANCE
    for (x0, y), (x1, _) in zip(start[level], end[level], strict=True):
        columns = np.arange(np.ceil(min(x0, x1) - TOLERANCE), np.floor(max(x0, x1) + TOLERANCE) + 1)
        touched.append(np.stack([columns, np.full(len(columns), y)], axis=1))
    points = np.concatenate(touched)
    pixel = np.rint(points)
    near = (np.abs(points - pixel) < TOLERANCE).all(axis=1) & ((pixel >= 0) & (pixel < shape)).all(axis=1)
    outline[tuple(pixel[near].astype(int).T)] = True
    return inside, outline
