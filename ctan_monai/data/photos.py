# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Photographs and masks as Pillow reads them, with errors that say what is wrong."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ctan_monai.errors import DataError

__all__ = ["MASK_THRESHOLD", "PHOTO_FORMATS", "decode_mask", "decode_photo", "read_mask", "to_rgb"]

PHOTO_FORMATS = ("JPEG", "PNG")  # by content: Pillow would hand an EPS file with another suffix to Ghostscript
MASK_THRESHOLD = 127  # grey values above are lesion
_MOST_PIXELS = 100_000_000  # a photograph of more is no dermoscopic image, and would need gigabytes


def to_rgb(image: Image.Image) -> Image.Image:
    """An image as people see it, in RGB: turned as its EXIF tag says, palettes and transparency resolved."""
    upright = ImageOps.exif_transpose(image)
    return upright if upright.mode == "RGB" else upright.convert("RGB")


def decode_photo(content: bytes, name: str) -> Image.Image:
    """A JPEG or PNG file as RGB.

    Args:
        content: of the file.
        name: of the file, for errors.

    Raises:
        DataError: no image, damaged or too large.
    """
    return to_rgb(_decode(content, name))


def decode_mask(content: bytes, name: str) -> np.ndarray:
    """A mask file as bool (H, W): grey value above 127. Palettes are resolved first, for some are inverted.

    Raises:
        DataError: see :py:func:`decode_photo`.
    """
    return np.asarray(_decode(content, name).convert("L")) > MASK_THRESHOLD


def read_mask(path: Path | str) -> np.ndarray:
    """:py:func:`decode_mask` of a file on disk."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error
    return decode_mask(content, str(path))


def _decode(content: bytes, name: str) -> Image.Image:
    remedy = "Expected a JPEG or PNG image: get the file again."
    if not content:
        raise DataError(f"{name}: is empty. {remedy}")
    try:
        # Pillow decodes a PNG without looking at its checksums; only verify does, and it uses the image up
        Image.open(io.BytesIO(content), formats=PHOTO_FORMATS).verify()
        image = Image.open(io.BytesIO(content), formats=PHOTO_FORMATS)
        if image.width * image.height > _MOST_PIXELS:
            raise DataError(f"{name}: has {image.width} x {image.height} pixels, at most {_MOST_PIXELS:,} can be used.")
        image.load()
    except UnidentifiedImageError as error:
        raise DataError(f"{name}: is neither JPEG nor PNG. {remedy}") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{name}: is damaged ({error}). {remedy}") from error
    return image
