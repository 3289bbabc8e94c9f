# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Photographs of any size on a network's grid: fitted with their aspect kept, padded with black; and back."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import InvertibleTransform, MapTransform
from PIL import Image
from torch.nn import functional as F

__all__ = ["Letterboxd", "content_box", "letterbox", "undo_letterbox"]

Box = tuple[int, int, int, int]


def content_box(original: Sequence[int], size: Sequence[int]) -> Box:
    """Where an image lies on the network's grid: as large as fits with its aspect kept, in the middle.

    Args:
        original: height and width of the image in pixels.
        size: height and width of the grid.

    Returns:
        top, left, height, width. A 600 x 450 photograph (height 450) on 256 x 256: (32, 0, 192, 256).
    """
    scale = min(size[0] / original[0], size[1] / original[1])
    height, width = (max(1, min(round(o * scale), s)) for o, s in zip(original, size, strict=True))
    return (size[0] - height) // 2, (size[1] - width) // 2, height, width


def letterbox(image: Image.Image, box: Box, size: Sequence[int]) -> np.ndarray:
    """An image on the network's grid.

    Resampled with Pillow's bilinear filter, which averages over the pixels that fall together when it makes smaller.

    Args:
        image: of any size, mode RGB or L.
        box: of :py:func:`content_box`.
        size: height and width of the grid.

    Returns:
        uint8 (H, W, 3), or (H, W) for mode L; 0 outside the box.
    """
    top, left, height, width = box
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    result = np.zeros((*size, *pixels.shape[2:]), np.uint8)
    result[top : top + height, left : left + width] = pixels
    return result


def undo_letterbox(values: torch.Tensor, box: Sequence[int], original: Sequence[int]) -> torch.Tensor:
    """A prediction on the network's grid, brought back onto the image.

    Args:
        values: (C, H, W), such as probabilities.
        box: of :py:func:`content_box`.
        original: height and width of the image, or of another picture of the same field, such as its mask.

    Returns:
        float32 (C, *original): the box alone, resampled bilinearly (averaging where it is made smaller).
    """
    top, left, height, width = box
    inside = torch.as_tensor(values)[:, top : top + height, left : left + width].float()
    smaller = original[0] < height or original[1] < width
    return F.interpolate(inside[None], size=tuple(original), mode="bilinear", antialias=smaller)[0]


class Letterboxd(MapTransform, InvertibleTransform):
    """:py:func:`letterbox` of an image that is given to inference, as preparing does it; the inverse is for maps.

    Args:
        keys: uint8-valued MetaTensors (3, H, W).
        size: height and width of the network's grid.
        allow_missing_keys: do not raise where one of the keys is missing.
    """

    def __init__(self, keys: KeysCollection, size: Sequence[int], allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.size = (int(size[0]), int(size[1]))

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Fit and pad."""
        d = dict(data)
        for key in self.key_iterator(d):
            image = d[key]
            box = content_box(image.shape[1:], self.size)
            pixels = image.cpu().numpy().astype(np.uint8).transpose(1, 2, 0)
            fitted = letterbox(Image.fromarray(pixels), box, self.size).transpose(2, 0, 1)
            result = MetaTensor(torch.from_numpy(fitted.astype(np.float32)), meta=dict(image.meta))
            result.applied_operations = list(image.applied_operations)
            self.push_transform(result, orig_size=tuple(image.shape[1:]), extra_info={"box": box})
            d[key] = result
        return d

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Bring maps (C, H, W) back onto the image."""
        d = dict(data)
        for key in self.key_iterator(d):
            done = self.pop_transform(d[key])
            box = [int(i) for i in done["extra_info"]["box"]]
            original = [int(i) for i in done["orig_size"]]
            restored = undo_letterbox(d[key].as_tensor(), box, original)
            d[key] = MetaTensor(restored, meta=d[key].meta, applied_operations=d[key].applied_operations)
        return d
