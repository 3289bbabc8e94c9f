# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform


def checked_windows(windows: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """Windows as pairs of numbers; ValueError where there is none, or one is empty."""
    if not windows or any(len(w) != 2 or not w[0] < w[1] for w in windows):
        raise ValueError(f"windows must be pairs (low, high) with low < high, got {windows}.")
    return [(float(low), float(high)) for low, high in windows]


def window(image: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """An image in HU, scaled from the window to [0, 1]."""
    return ((image - low) / (high - low)).clamp(0, 1)


class StackWindowsd(MapTransform):
    """Several intensity windows of one channel, stacked as channels and scaled to [0, 1].

    One network input cannot show soft tissue (30 HU apart) and bone (2,000 HU apart) on one scale. Three windows also
    fit the three channels of a network that was pre-trained on colour images. MONAI's CopyItemsd, ScaleIntensityRanged
    and ConcatItemsd do the same in five steps with the numbers repeated in each config; here they are one value.

    Args:
        keys: images (1, *spatial) in HU.
        windows: (low, high) of each window in HU.

    Raises:
        ValueError: an empty window, or an image of more than one channel.
    """

    def __init__(self, keys: KeysCollection, windows: Sequence[Sequence[float]]) -> None:
        super().__init__(keys)
        self.windows = checked_windows(windows)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace (1, *spatial) by (len(windows), *spatial); a MetaTensor keeps its meta data."""
        d = dict(data)
        for key in self.key_iterator(d):
            image = d[key]
            if image.shape[0] != 1:
                raise ValueError(f"'{key}' must have one channel before windowing, got shape {tuple(image.shape)}.")
            d[key] = torch.cat([window(image, *bounds) for bounds in self.windows], dim=0)
        return d
