# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from ctan_monai.imaging.photos import decode_mask, decode_photo
from ctan_monai.inference import find_images
from ctan_monai.utils import InputError
from ctan_monai.utils.errors import DataError

INSIDE = np.hypot(*(np.indices((60, 80)) - np.array([30, 40])[:, None, None])) < 20


def encode(image: np.ndarray, kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, kind)
    return stream.getvalue()


def test_a_flipped_bit_in_a_png_mask_changes_no_pixel() -> None:
    """Pillow alone reads 15 % of these as another mask: it decodes without the checksums."""
    whole = encode(np.where(INSIDE, np.uint8(255), np.uint8(0)), "PNG")
    rng, outcomes = np.random.default_rng(0), Counter()
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        try:
            np.testing.assert_array_equal(decode_mask(bytes(damaged), "mask.png"), INSIDE)
            outcomes["right"] += 1
        except DataError:
            outcomes["refused"] += 1
    assert outcomes["refused"] >= 280 and outcomes.total() == 300


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_cuts_of_a_photo_are_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever another library in the process asks of Pillow, as WeasyPrint does when it is imported."""
    photo = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    whole = encode(photo, kind)
    for length in range(0, len(whole) - 12, 97):
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        with pytest.raises(DataError, match=r"photo: is (empty|damaged|neither)"):
            decode_photo(whole[:length], "photo")


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "EPS"])
def test_the_content_decides_not_the_name(kind: str, tmp_path: Path) -> None:
    """Pillow reads some 40 formats, one of them (EPS) by running Ghostscript."""
    content = encode(np.zeros((20, 30, 3), np.uint8), kind)
    with pytest.raises(DataError, match="neither JPEG nor PNG"):
        decode_photo(content, "photo.jpg")
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"photo\.jpg: is neither JPEG nor PNG"):
        find_images(tmp_path)


GRAY = np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint8)
CORNER = np.indices(GRAY.shape).sum(axis=0) < 20


def png(image: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


def as_mode(mode: str) -> Image.Image:
    """GRAY in one of Pillow's modes."""
    if mode == "I;16":
        return Image.fromarray(GRAY.astype(np.uint16) * 257)
    gray = Image.fromarray(GRAY)
    if mode == "P":
        inverted = Image.fromarray(255 - GRAY).convert("P")
        inverted.putpalette([255 - n // 3 for n in range(768)])
        return inverted
    return gray.convert(mode)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_one_picture_in_every_mode_of_png(mode: str) -> None:
    """16-bit gray values were clipped at 255: a white picture."""
    content = png(as_mode(mode))
    assert Image.open(io.BytesIO(content)).mode == mode
    np.testing.assert_array_equal(np.asarray(decode_photo(content, "x")), np.stack([GRAY] * 3, axis=-1))
    np.testing.assert_array_equal(decode_mask(content, "x"), GRAY > 127)


def test_two_levels_and_cmyk() -> None:
    np.testing.assert_array_equal(decode_mask(png(Image.fromarray(INSIDE)), "x"), INSIDE)
    assert set(np.unique(np.asarray(decode_photo(png(Image.fromarray(INSIDE)), "x")))) == {0, 255}
    stream = io.BytesIO()
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(stream, "JPEG")  # cyan 0, the rest full: red
    red, green, blue = decode_photo(stream.getvalue(), "x").getpixel((8, 8))
    assert red > 245 and green < 10 and blue < 10


def clear(mode: str) -> bytes:
    """GRAY whose corner is transparent, and hides magenta or 77."""
    gray = np.where(CORNER, np.uint8(77), np.where(GRAY == 77, np.uint8(78), GRAY))
    if mode == "RGBA":
        return png(
            Image.fromarray(
                np.dstack(
                    [
                        np.where(CORNER, 255, GRAY),
                        np.where(CORNER, 0, GRAY),
                        np.where(CORNER, 255, GRAY),
                        np.where(CORNER, 0, 255),
                    ]
                ).astype(np.uint8)
            )
        )
    if mode == "LA":
        return png(Image.fromarray(np.dstack([gray, np.where(CORNER, 0, 255).astype(np.uint8)])))
    if mode == "P":
        palette = Image.fromarray(gray).convert("P")
        palette.putpalette([n // 3 for n in range(768)])
        return png(palette, transparency=77)
    if mode == "I;16":
        return png(Image.fromarray(gray.astype(np.uint16) * 257), transparency=77 * 257)
    if mode == "RGB":
        return png(Image.fromarray(np.dstack([gray] * 3)), transparency=(77, 77, 77))
    return png(Image.fromarray(gray), transparency=77)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_hidden_colors_stay_hidden(mode: str) -> None:
    found = np.asarray(decode_photo(clear(mode), "x"))
    assert (found[CORNER] == 255).all()
    assert np.abs(found[~CORNER].astype(int) - GRAY[~CORNER, None]).max() <= 1


def test_half_transparent_pixels_are_mixed_with_white() -> None:
    assert decode_photo(png(Image.new("RGBA", (2, 2), (0, 100, 200, 51))), "x").getpixel((0, 0)) == (204, 224, 244)


REFUSED_PHOTOS = {
    "all its pixels are transparent": png(Image.new("RGBA", (8, 8), (200, 100, 50, 0))),
    "16-bit image with values up to 4095": png(
        Image.fromarray(np.linspace(0, 4095, 64).astype(np.uint16).reshape(8, 8))
    ),
}


@pytest.mark.parametrize("reason", REFUSED_PHOTOS)
def test_photos_that_no_rule_converts_are_refused_before_a_run(reason: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"^photo: .*{reason}"):
        decode_photo(REFUSED_PHOTOS[reason], "photo")
    (tmp_path / "photo.png").write_bytes(REFUSED_PHOTOS[reason])
    with pytest.raises(InputError, match=rf"photo\.png: .*{reason}"):
        find_images(tmp_path)


@pytest.mark.parametrize("most", [255, 65535])
def test_masks_of_16_bits(most: int) -> None:
    np.testing.assert_array_equal(decode_mask(png(Image.fromarray(INSIDE.astype(np.uint16) * most)), "x"), INSIDE)


def layers(gray: np.ndarray | int, alpha: np.ndarray | int) -> bytes:
    pixels = [np.broadcast_to(np.uint8(layer), INSIDE.shape) for layer in (gray, gray, gray, alpha)]
    return png(Image.fromarray(np.dstack(pixels)))


def test_masks_with_an_alpha_channel() -> None:
    lesion = INSIDE * np.uint8(255)
    for gray, alpha in ((lesion, 255), (lesion, lesion)):
        np.testing.assert_array_equal(decode_mask(layers(gray, alpha), "x"), INSIDE)
    for gray, alpha in ((255, lesion), (0, lesion), (lesion, 255 - lesion), (lesion, 0)):
        with pytest.raises(DataError, match=r"^mask\.png: the mask has transparent pixels"):
            decode_mask(layers(gray, alpha), "mask.png")


@pytest.mark.parametrize("color", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)])
def test_a_mask_in_colors_is_refused(color: tuple[int, int, int]) -> None:
    """Red and blue have gray values of 76 and 29: no lesion; green one of 150."""
    with pytest.raises(DataError, match=r"^mask\.png: the mask has colors"):
        decode_mask(png(Image.fromarray((INSIDE[..., None] * np.array(color)).astype(np.uint8))), "mask.png")


def test_a_gray_mask_as_a_color_jpeg_is_read() -> None:
    rgb = np.repeat(INSIDE[..., None] * np.uint8(255), 3, axis=2)
    assert (decode_mask(encode(rgb, "JPEG"), "x") != INSIDE).mean() < 0.01
