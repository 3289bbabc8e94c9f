# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from ctan_monai.data import find_images
from ctan_monai.data.photos import decode_mask, decode_photo
from ctan_monai.errors import DataError

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
def test_cuts_of_a_photo_are_refused(kind: str) -> None:
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    photo = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    whole = encode(photo, kind)
    for length in range(0, len(whole) - 12, 97):
        with pytest.raises(DataError, match=r"photo: is (empty|damaged|neither)"):
            decode_photo(whole[:length], "photo")


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "EPS"])
def test_the_content_decides_not_the_name(kind: str, tmp_path: Path) -> None:
    """Pillow reads some 40 formats, one of them (EPS) by running Ghostscript."""
    content = encode(np.zeros((20, 30, 3), np.uint8), kind)
    with pytest.raises(DataError, match="neither JPEG nor PNG"):
        decode_photo(content, "photo.jpg")
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"photo\.jpg: is no JPEG or PNG"):
        find_images(tmp_path)
