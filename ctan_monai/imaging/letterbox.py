# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Photographs of any size on a network's grid: fitted with their aspect kept, padded with black; and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

__all__ = ["Box", "content_box", "letterbox", "undo_letterbox"]

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
