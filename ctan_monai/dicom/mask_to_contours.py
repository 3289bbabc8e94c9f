# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Outlines of masks, as structure sets hold them."""

from __future__ import annotations

import contourpy
import numpy as np

__all__ = ["mask_outlines"]


def mask_outlines(mask: np.ndarray, affine: np.ndarray) -> list[np.ndarray]:
    """Outlines of a mask's slices, halfway between its voxels and the others: a reader who asks which voxels' centers
    lie inside gets the mask back.

    A hole is joined to the outline around it along a row, there and back (a keyhole), as DICOM PS3.3 C.8.8.6.3 has it:
    readers who combine contours by even-odd, by winding number or by union all see the same. Inner contours of their
    own would be holes to the first, and filled by the last.

    Args:
        mask: bool (x, y, z).
        affine: (4, 4) index to RAS mm.

    Returns:
        closed outlines, each (N, 3) in RAS mm, in the order of z.
    """
    outlines = []
    for k in np.flatnonzero(mask.any(axis=(0, 1))):
        padded = np.pad(mask[:, :, k], 1).astype(float)
        rings = [np.asarray(line)[:-1] - 1 for line in contourpy.contour_generator(z=padded.T).lines(0.5)]
        for ring in _joined(rings):
            index = np.column_stack([_corners(ring), np.full(len(_corners(ring)), k)])
            outlines.append(index @ affine[:3, :3].T + affine[:3, 3])
    return outlines


def _joined(rings: list[np.ndarray]) -> list[np.ndarray]:
    """Outer rings, the holes joined to them.

    An outline crosses a row of voxels halfway between two of them, where it has a point. From the last point of a hole,
    the next point of any ring in that row is the end of the voxels between: the channel runs inside the mask.
    """
    outer = [ring for ring in rings if _area(ring) > 0]
    holes = [ring for ring in rings if _area(ring) < 0]
    # from the last to the first, so that the ring that a channel ends at is joined already
    for hole in sorted(holes, key=lambda ring: -ring[:, 0].max()):
        hole = np.roll(hole, -int(hole[:, 0].argmax()), axis=0)
        ends = []
        for number, ring in enumerate(outer):
            beyond = np.flatnonzero((ring[:, 1] == hole[0, 1]) & (ring[:, 0] > hole[0, 0]))
            if len(beyond):
                nearest = beyond[ring[beyond, 0].argmin()]
                ends.append((ring[nearest, 0], number, int(nearest)))
        _, number, end = min(ends)
        ring = outer[number]
        outer[number] = np.concatenate([ring[: end + 1], hole, hole[:1], ring[end:]])
    return outer


def _area(ring: np.ndarray) -> float:
    """Positive for outlines with the mask inside, negative for holes, as contourpy keeps the mask to the left."""
    x, y = ring.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _corners(ring: np.ndarray) -> np.ndarray:
    """Without the points on straight lines."""
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    turn = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
    back = (before * after).sum(axis=1) < 0
    return np.asarray(ring[(turn != 0) | back])
