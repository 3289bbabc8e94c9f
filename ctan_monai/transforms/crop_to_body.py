# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""In-plane crop or pad about the patient."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import Crop, InvertibleTransform, MapTransform, Pad
from monai.utils import ensure_tuple_rep

__all__ = ["CropToBodyd"]

logger = logging.getLogger(__name__)


class CropToBodyd(MapTransform, InvertibleTransform):
    """Crops or pads the first two spatial axes to a size, about the center of the body's bounding box.

    All slices are kept. The OpenKBP volumes are centerd like this too (within 2 voxels of 128). The inverse puts 0
    where the crop has cut: background, 0 Gy.

    Args:
        keys: MetaTensors (C, x, y, z) on one grid, the body's mask among them.
        size: new size of x and y.
        fill: value of padded voxels, one for all keys or one a key.
        body_key: key of the body's mask; where it is empty, the volume's center is taken.
        allow_missing_keys: do not raise where one of the keys is missing.
    """

    def __init__(
        self,
        keys: KeysCollection,
        size: Sequence[int],
        fill: Sequence[float] | float,
        body_key: str = "body",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.size = tuple(size)
        self.fill = ensure_tuple_rep(fill, len(self.keys))
        self.body_key = body_key
        self.cropper = Crop()
        self.padder = Pad(mode="constant")

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Crop and pad; ``meta["body_cut_mm"]`` of each key tells how much of the body's width was cut, at most."""
        d = dict(data)
        body = d[self.body_key]
        slices, pads, cut = [], [(0, 0)], 0.0
        for axis, size in enumerate(self.size):
            length = body.shape[1 + axis]
            low, high = _extent(body[0], axis)
            start = (low + high) // 2 - size // 2
            slices.append(slice(max(start, 0), min(start + size, length)))
            pads.append((max(-start, 0), max(start + size - length, 0)))
            cut = max(cut, max(high - low - size, 0) * float(body.pixdim[axis]))
        pads.append((0, 0))
        if cut > 0:
            logger.warning("The body is %.0f mm wider than the field that the network sees; the rest is left out.", cut)
        for key, fill in self.key_iterator(d, self.fill):
            d[key] = self.padder(self.cropper(d[key], tuple(slices)), to_pad=tuple(pads), value=fill)  # type: ignore[arg-type]
            d[key].meta["body_cut_mm"] = cut
        return d

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Undo the padding and put zeros where the crop has cut."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.cropper.inverse(self.padder.inverse(d[key]))
        return d


def _extent(body: torch.Tensor, axis: int) -> tuple[int, int]:
    """First index and one past the last with body along an axis; the whole axis where there is none."""
    others = tuple(i for i in range(body.ndim) if i != axis)
    indices = torch.nonzero(body.amax(dim=others).reshape(-1)).reshape(-1)
    return (int(indices[0]), int(indices[-1]) + 1) if len(indices) else (0, body.shape[axis])
