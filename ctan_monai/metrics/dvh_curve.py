# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Cumulative dose-volume histogram of a structure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .checks import check_same_shape

__all__ = ["dvh"]


def dvh(
    dose: np.ndarray, mask: np.ndarray, bins: int | Sequence[float] | np.ndarray = 200
) -> tuple[np.ndarray, np.ndarray]:
    """Share of a structure's volume that receives at least a dose, for each dose of an axis.

    The curve is exact at the axis' doses: voxels are counted, not binned.

    Args:
        dose: dose in Gy, any shape.
        mask: the structure's voxels, same shape.
        bins: doses of the axis in Gy; or their number, spread evenly from 0 to the highest dose in the structure.

    Returns:
        The dose axis (Gy) and the volume (%) at each of its doses.

    Raises:
        ValueError: if the structure has no voxel, or shapes differ.
    """
    check_same_shape(dose, "dose", mask=mask)
    values = np.sort(np.asarray(dose, dtype=np.float64)[np.asarray(mask, dtype=bool)])
    if not values.size:
        raise ValueError(
            "The structure has no voxel, so it has no dose-volume histogram; draw present structures only."
        )
    axis = np.linspace(0.0, values[-1], bins) if isinstance(bins, int) else np.asarray(bins, dtype=np.float64)
    below = np.searchsorted(values, axis, side="left")
    return axis, 100.0 * (values.size - below) / values.size
