# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Dose-volume figures of one structure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["dose_volume_figure"]

_ROUNDING = 1e-3  # Gy, more than float32 rounds a dose of 100 Gy by


def dose_volume_figure(values: np.ndarray, figure: str, spacing: Sequence[float]) -> float:
    """A dose-volume figure.

    Args:
        values: dose in Gy of the structure's voxels, (N,), N > 0.
        figure: ``mean``; ``D_95``, the dose that 95 % of the volume receives at least (the 5th percentile, linear
            between voxels), likewise for any other number; ``D_0.1_cc``, the least dose to the hottest 0.1 cc; or
            ``V_50``, the volume in % that receives at least 50 Gy.
        spacing: voxel size in mm along each axis.

    Returns:
        Gy; % for V. The hottest 0.1 cc are the percentile ``100 - n / N * 100`` with ``n = max(1, round(100 / voxel
        volume in mm^3))``, as in the OpenKBP challenge; a structure smaller than that is taken whole (percentile 0).

    Raises:
        ValueError: an unknown figure.
    """
    values = np.asarray(values, dtype=np.float64)
    kind, _, number = figure.partition("_")
    if figure == "mean":
        return float(values.mean())
    if figure == "D_0.1_cc":
        voxels = max(1.0, float(np.round(100.0 / np.prod(np.asarray(spacing, dtype=np.float64)))))
        return float(np.percentile(values, max(0.0, 100.0 - voxels / values.size * 100.0)))
    try:
        level = float(number)
    except ValueError:
        kind = ""
    if kind == "D" and 0 <= level <= 100:
        return float(np.percentile(values, 100.0 - level))
    if kind == "V":
        return 100.0 * float(np.count_nonzero(values >= level - _ROUNDING)) / values.size
    raise ValueError(f"unknown dose-volume figure '{figure}': expected mean, D_0.1_cc, D_<percent> or V_<Gy>.")
