# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from scipy import ndimage


class RemoveFragmentsd(MapTransform):
    """Remove the stray voxels of a predicted organ: connected pieces that are small beside its largest one.

    A network that sees one slice at a time now and then marks an organ a hand's breadth away from it. MONAI's
    KeepLargestConnectedComponent would also cut an organ that a missed slice divides (it cost the brainstem 6
    points of Dice on the OpenKBP validation patients), and its RemoveSmallObjects needs one size for all organs.

    Args:
        keys: label maps (1, X, Y, Z); 0 is background, and every other value is an organ of its own.
        fraction: pieces (26-connected) smaller than this part of the organ's largest piece become background; 0
            removes nothing.
        allow_missing_keys: skip keys that an item does not have.

    Raises:
        ValueError: a fraction outside [0, 1], or an array that is not a label map of one channel.
    """

    def __init__(self, keys: KeysCollection, fraction: float, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        if not 0 <= fraction <= 1:
            raise ValueError(f"fraction must be between 0 and 1, got {fraction}.")
        self.fraction = float(fraction)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Clean each label map; a MetaTensor keeps its meta data."""
        d = dict(data)
        if self.fraction == 0:
            return d
        for key in self.key_iterator(d):
            labels = d[key]
            if labels.ndim != 4 or labels.shape[0] != 1:
                raise ValueError(f"'{key}' must be a label map (1, X, Y, Z), got shape {tuple(labels.shape)}.")
            stray = _fragments(labels[0].cpu().numpy(), self.fraction)
            d[key] = labels.masked_fill(torch.from_numpy(stray).to(labels.device)[None], 0)
        return d


def _fragments(labels: np.ndarray, fraction: float) -> np.ndarray:
    stray = np.zeros(labels.shape, dtype=bool)
    integers = labels.astype(np.int32)
    for value, box in enumerate(ndimage.find_objects(integers), start=1):
        if box is None:
            continue
        pieces, count = ndimage.label(integers[box] == value, np.ones((3, 3, 3)))
        if count > 1:
            sizes = np.bincount(pieces.ravel())
            small = sizes < fraction * sizes[1:].max()
            small[0] = False
            stray[box] |= small[pieces]
    return stray
