# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Photographs and masks as Pillow reads them, with errors that say what is wrong."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageFile, ImageOps, UnidentifiedImageError

from ctan_monai.utils.errors import DataError
from ctan_monai.utils.limits import MOST_PIXELS

__all__ = ["MASK_THRESHOLD", "PHOTO_FORMATS", "decode_mask", "decode_photo", "read_mask", "read_photo", "to_rgb"]

PHOTO_FORMATS = ("JPEG", "PNG")  # by content: Pillow would hand an EPS file with another suffix to Ghostscript
MASK_THRESHOLD = 127  # gray values above are lesion
_GRAY_16_BITS = ("I;16", "I;16B", "I;16L", "I")  # the last from Pillow before 10.3
_CONVERTED = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
_COLORFUL = 64  # by which the channels of a mask may differ: JPEG's rounding at edges


def to_rgb(image: Image.Image, name: str = "") -> Image.Image:
    """An image as people see it, in RGB: turned as its EXIF tag says, palettes resolved, transparency over white.

    Args:
        image: as Pillow opened it.
        name: of the file, for errors; else the image's own.

    Raises:
        DataError: all pixels are transparent, or values of a kind that no rule says how to show.
    """
    name = name or str(getattr(image, "filename", "") or "the image")
    colors, alpha = _resolve(image, name)
    if alpha is None:
        return colors
    if not np.asarray(alpha).any():
        raise DataError(
            f"{name}: all its pixels are transparent, so that nothing is seen. Save it without an alpha channel."
        )
    return Image.composite(colors, Image.new("RGB", colors.size, "white"), alpha)


def decode_photo(content: bytes, name: str) -> Image.Image:
    """A JPEG or PNG file as RGB.

    Args:
        content: of the file.
        name: of the file, for errors.

    Raises:
        DataError: no image, damaged or too large, or see :py:func:`to_rgb`.
    """
    with _border(name):
        return to_rgb(_decode(content, name), name)


def decode_mask(content: bytes, name: str) -> np.ndarray:
    """A mask file as bool (H, W): gray value above 127. Palettes are resolved first, for some are inverted.

    Raises:
        DataError: see :py:func:`decode_photo`; or a mask in colors, or one that differs from its alpha channel.
    """
    with _border(name):
        colors, alpha = _resolve(_decode(content, name), name)
    expected = "Expected gray values alone, 255 in the lesion and 0 elsewhere: save it so."
    if any((np.asarray(band) > _COLORFUL).any() for band in _differences(colors)):
        raise DataError(f"{name}: the mask has colors. {expected}")
    mask = np.asarray(colors.convert("L")) > MASK_THRESHOLD
    if alpha is not None and ((np.asarray(alpha) > MASK_THRESHOLD) != mask).any():
        raise DataError(f"{name}: the mask has transparent pixels, and its alpha channel is another mask. {expected}")
    return mask


def read_photo(path: Path | str) -> Image.Image:
    """:py:func:`decode_photo` of a file on disk."""
    return decode_photo(_content(path), str(path))


def read_mask(path: Path | str) -> np.ndarray:
    """:py:func:`decode_mask` of a file on disk."""
    return decode_mask(_content(path), str(path))


def _content(path: Path | str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from error


def _resolve(image: Image.Image, name: str) -> tuple[Image.Image, Image.Image | None]:
    """The upright image in RGB, whatever Pillow's mode, and its alpha channel where a pixel is not opaque.

    =====================  ======================================================================
    1, L, RGB, P, CMYK     Pillow converts them; a transparent color (tRNS) becomes an alpha channel
    LA, RGBA, PA           likewise, the alpha channel apart
    I;16, I;16B, I         16-bit gray, which Pillow clips at 255: the high byte, see :py:func:`_gray_of_16_bits`
    others                 refused
    =====================  ======================================================================
    """
    _check_pixels(image, name)
    upright = ImageOps.exif_transpose(image)
    alpha = None
    if upright.mode in _GRAY_16_BITS:
        values = np.asarray(upright).astype(np.int64)
        clear = upright.info.get("transparency")
        if clear is not None:
            alpha = Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))
        upright = Image.fromarray(_gray_of_16_bits(values, name))
    elif upright.mode not in _CONVERTED:
        raise DataError(
            f"{name}: has pixels of Pillow's mode {upright.mode}; expected gray values or RGB. Save it as an RGB image."
        )
    elif upright.has_transparency_data:
        upright = upright.convert("RGBA")
        alpha = upright.getchannel("A")
    if alpha is not None and np.asarray(alpha).min() == 255:
        alpha = None
    return (upright if upright.mode == "RGB" else upright.convert("RGB")), alpha


def _gray_of_16_bits(values: np.ndarray, name: str) -> np.ndarray:
    """16-bit gray values as uint8: the high byte, as for RGB; the low one where it alone is used, as some masks do."""
    most = int(values.max())
    if most <= 255:
        return values.astype(np.uint8)
    if most < 1 << 12:
        raise DataError(
            f"{name}: is a 16-bit image with values up to {most}, so that white is unknown; expected up to 65535. "
            "Save it with 8 bits."
        )
    return np.asarray((np.minimum(values, 65535) >> 8).astype(np.uint8))


def _check_pixels(image: Image.Image, name: str) -> None:
    """Before they are decoded: half a megabyte of PNG can hold gigabytes."""
    if image.width * image.height > MOST_PIXELS:
        raise DataError(
            f"{name}: has {image.width} x {image.height} pixels, at most {MOST_PIXELS:,} can be used. Make it smaller."
        )


def _differences(colors: Image.Image) -> list[Image.Image]:
    red, green, blue = colors.split()
    return [ImageChops.difference(red, green), ImageChops.difference(green, blue)]


def _decode(content: bytes, name: str) -> Image.Image:
    remedy = "Expected a JPEG or PNG image: get the file again."
    if not content:
        raise DataError(f"{name}: is empty. {remedy}")
    # importing WeasyPrint sets it for the whole process: the rest of a cut-off image would be gray, in silence
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        # Pillow decodes a PNG without looking at its checksums; only verify does, and it uses the image up
        Image.open(io.BytesIO(content), formats=PHOTO_FORMATS).verify()
        image = Image.open(io.BytesIO(content), formats=PHOTO_FORMATS)
        _check_pixels(image, name)
        image.load()
    except UnidentifiedImageError as error:
        raise DataError(f"{name}: is neither JPEG nor PNG. Convert or remove it.") from error
    return image


@contextmanager
def _border(name: str) -> Iterator[None]:
    """Within it, every error about a file's content becomes one that names the file: Pillow raises many kinds."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise DataError(f"{name}: is damaged ({reason}). Expected a JPEG or PNG image: get the file again.") from error
