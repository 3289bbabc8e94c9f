# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd

from ctan_monai.transforms import CropToBodyd, KeepInsideBodyd, MaskBodyd


def ct(x: slice, y: slice, shape: tuple[int, int, int] = (20, 10, 3)) -> MetaTensor:
    """Air with a body of water in a box."""
    hu = torch.full((1, *shape), -900.0)
    hu[0, x, y] = 40.0
    return MetaTensor(hu, affine=torch.diag(torch.tensor([-4.0, -4.0, 3.0, 1.0])).double())


def test_air_outside_but_for_the_skin() -> None:
    image = ct(slice(4, 8), slice(2, 6))
    image[0, 3, 4, 1] = -500.0  # skin and air in one voxel
    image[0, 15, 8, 1] = 1000.0  # a thing beside the patient
    out = MaskBodyd("image")({"image": image})
    assert out["body"].sum() == 4 * 4 * 3
    assert out["body"].dtype == torch.uint8
    assert out["image"][0, 3, 4, 1] == -500
    assert out["image"][0, 4, 2, 0] == 40
    assert out["image"][0, 15, 8, 1] == -1024
    assert out["image"][0, 1, 4, 1] == -1024
    np.testing.assert_array_equal(out["body"].affine, image.affine)


def test_mask_takes_one_key() -> None:
    with pytest.raises(ValueError, match="one key"):
        MaskBodyd(["image", "other"])


@pytest.mark.parametrize(
    ("x", "y", "expected_x", "expected_y"),
    [
        # the body's box is 10-14 x 4-6: center 12, 5; a field of 8 x 12 starts at 8, -1
        (slice(10, 14), slice(4, 6), slice(2, 6), slice(5, 7)),
        # at the border: center 1, 9, start -3, 3
        (slice(0, 2), slice(8, 10), slice(3, 5), slice(5, 7)),
    ],
)
def test_body_comes_to_the_middle(x: slice, y: slice, expected_x: slice, expected_y: slice) -> None:
    data = MaskBodyd("image")({"image": ct(x, y)})
    out = CropToBodyd(["image", "body"], size=[8, 12], fill=[-1024.0, 0.0])(data)
    assert out["image"].shape == out["body"].shape == (1, 8, 12, 3)
    expected = torch.zeros(8, 12, dtype=torch.uint8)
    expected[expected_x, expected_y] = 1
    for z in range(3):
        np.testing.assert_array_equal(out["body"][0, :, :, z], expected)
    np.testing.assert_array_equal(out["image"][0] > 0, out["body"][0] > 0)
    assert float(out["image"].min()) == -1024
    # the same place in the patient
    first = torch.tensor([expected_x.start, expected_y.start, 0, 1]).double()
    np.testing.assert_allclose(out["image"].affine @ first, [-4.0 * x.start, -4.0 * y.start, 0, 1])
    assert out["image"].meta["body_cut_mm"] == 0


def test_inverse_puts_zero_where_the_crop_has_cut() -> None:
    chain = Compose([MaskBodyd("image"), CropToBodyd(["image", "body"], size=[8, 12], fill=[-1024.0, 0.0])])
    data = chain({"image": ct(slice(10, 14), slice(4, 6))})
    data["pred"] = torch.ones_like(data["image"])
    out = Invertd(["pred", "body"], transform=chain, orig_keys="image", nearest_interp=False)(data)
    expected = torch.zeros(20, 10)
    expected[8:16] = 1
    np.testing.assert_array_equal(out["pred"][0, :, :, 1], expected)
    np.testing.assert_array_equal(out["pred"].affine, ct(slice(0), slice(0)).affine)
    assert out["body"].sum() == 4 * 2 * 3
    kept = KeepInsideBodyd(["pred", "absent"], allow_missing_keys=True)(out)
    assert kept["body"].dtype == torch.bool
    np.testing.assert_array_equal(kept["pred"] > 0, kept["body"])


def test_without_a_body_the_middle_is_taken() -> None:
    data = MaskBodyd("image")({"image": ct(slice(0), slice(0))})
    assert not data["body"].any()
    out = CropToBodyd(["image", "body"], size=[8, 8], fill=0)(data)
    assert out["image"].shape == (1, 8, 8, 3)
    np.testing.assert_allclose(out["image"].affine[:3, 3], [-4.0 * 6, -4.0 * 1, 0])


def test_a_body_that_does_not_fit_is_told(caplog: pytest.LogCaptureFixture) -> None:
    data = MaskBodyd("image")({"image": ct(slice(3, 17), slice(4, 6))})
    with caplog.at_level(logging.WARNING):
        out = CropToBodyd(["image", "body"], size=[8, 8], fill=[-1024.0, 0.0])(data)
    assert out["image"].meta["body_cut_mm"] == 6 * 4  # 14 voxels, 8 fit
    assert "24 mm wider" in caplog.text


def test_predictions_on_another_grid_than_the_body() -> None:
    with pytest.raises(ValueError, match="bring both onto one grid"):
        KeepInsideBodyd("pred")({"pred": torch.ones(1, 4, 4, 4), "body": torch.ones(1, 4, 4, 3)})
