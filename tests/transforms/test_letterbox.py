# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, ScaleIntensityRanged
from PIL import Image

from ctan_monai.imaging.letterbox import content_box, letterbox, undo_letterbox
from ctan_monai.transforms import Letterboxd, LoadRowd


@pytest.mark.parametrize(
    ("original", "size", "box"),
    [
        ((450, 600), (256, 256), (32, 0, 192, 256)),
        ((600, 450), (256, 256), (0, 32, 256, 192)),
        ((450, 600), (96, 128), (0, 0, 96, 128)),
        ((100, 100), (96, 128), (0, 16, 96, 96)),
        ((1, 1000), (64, 64), (31, 0, 1, 64)),  # never without a pixel
    ],
)
def test_box(original: tuple[int, int], size: tuple[int, int], box: tuple[int, int, int, int]) -> None:
    assert content_box(original, size) == box


def test_an_image_is_fitted_and_padded_with_black() -> None:
    image = np.zeros((4, 8, 3), np.uint8)
    image[:, 4:] = 200
    result = letterbox(Image.fromarray(image), content_box((4, 8), (8, 8)), (8, 8))
    assert result.shape == (8, 8, 3)
    assert not result[:2].any() and not result[6:].any()
    np.testing.assert_array_equal(result[2:6], image)


def test_making_smaller_averages() -> None:
    checks = np.indices((64, 64)).sum(0) % 2 * 255
    result = letterbox(Image.fromarray(checks.astype(np.uint8)), (0, 0, 16, 16), (16, 16))
    assert result.min() >= 120
    assert result.max() <= 135


def test_there_and_back_is_the_image() -> None:
    """Nothing moves: no half pixel between going there and coming back."""
    y, x = np.mgrid[:90, :120]
    mask = (((x - 70) / 30) ** 2 + ((y - 40) / 20) ** 2 < 1).astype(np.uint8) * 255
    box = content_box(mask.shape, (128, 96))
    fitted = torch.from_numpy(letterbox(Image.fromarray(mask), box, (128, 96)).astype(np.float32) / 255)[None]
    back = undo_letterbox(fitted, box, (90, 120))[0].numpy() >= 0.5
    both = (back & (mask > 0)).sum()
    assert 2 * both / (back.sum() + (mask > 0).sum()) > 0.99
    assert np.argwhere(back).mean(0) == pytest.approx(np.argwhere(mask > 0).mean(0), abs=0.1)


def test_transform_does_what_preparing_does_and_inverts() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (45, 60, 3), np.uint8)
    image = MetaTensor(torch.from_numpy(pixels.transpose(2, 0, 1).copy()), meta={"filename_or_obj": "a.png"})
    transform = Compose([Letterboxd("image", (64, 64)), ScaleIntensityRanged("image", 0, 255, 0, 1)])
    item = transform({"image": image})
    expected = letterbox(Image.fromarray(pixels), (8, 0, 48, 64), (64, 64)).transpose(2, 0, 1)
    np.testing.assert_allclose(item["image"].numpy() * 255, expected, atol=1e-4)
    assert item["image"].meta["filename_or_obj"] == "a.png"
    probability = MetaTensor(torch.zeros(2, 64, 64), applied_operations=item["image"].applied_operations)
    probability[1, 8:56] = 1  # all of the image, none of the padding
    restored = transform.transforms[0].inverse({"image": probability})["image"]
    assert restored.shape == (2, 45, 60)
    np.testing.assert_allclose(restored[1].numpy(), 1, atol=1e-6)


def test_rows_of_arrays(tmp_path: object) -> None:
    images = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    np.save(f"{tmp_path}/images.npy", images)
    np.save(f"{tmp_path}/masks.npy", images[..., 0])
    item = LoadRowd(["image", "mask"])({"image": f"{tmp_path}/images.npy", "mask": f"{tmp_path}/masks.npy", "index": 1})
    assert item["image"].dtype == torch.float32
    np.testing.assert_array_equal(item["image"].numpy(), images[1].transpose(2, 0, 1))
    np.testing.assert_array_equal(item["mask"].numpy(), images[1:2, :, :, 0])
