# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Sequence

import torch


def checked_windows(windows: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """Windows as pairs of numbers; ValueError where there is none, or one is empty."""
    if not windows or any(len(w) != 2 or not w[0] < w[1] for w in windows):
        raise ValueError(f"windows must be pairs (low, high) with low < high, got {windows}.")
    return [(float(low), float(high)) for low, high in windows]


def window(image: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """An image in HU, scaled from the window to [0, 1]."""
    return ((image - low) / (high - low)).clamp(0, 1)
