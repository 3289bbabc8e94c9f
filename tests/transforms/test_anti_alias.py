# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Invertd

from ctan_monai.transforms import AntiAliasedSpacingd


def volume(
    array: np.ndarray, spacing: tuple[float, float, float], origin: tuple[float, ...] = (7, -9, 3)
) -> MetaTensor:
    """Axes L, P, S as after MONAI's Orientationd."""
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = origin
    return MetaTensor(torch.from_numpy(array.astype(np.float32))[None], affine=torch.from_numpy(affine))


def test_grid_keeps_the_center() -> None:
    """8 voxels of 1 mm become 2 of 4 mm: center at index 3.5 of the old, 0.5 of the new grid."""
    image = volume(np.zeros((8, 6, 5)), (1, 2, 5))
    out = AntiAliasedSpacingd("image", [4, 2, 2.5])({"image": image})["image"]
    assert out.shape == (1, 2, 6, 10)
    np.testing.assert_allclose(out.affine @ torch.tensor([0.5, 2.5, 4.5, 1]).double(), [7 - 3.5, -9 - 5, 3 + 10, 1])
    np.testing.assert_allclose(out.pixdim, [4, 2, 2.5])


def test_same_spacing_changes_nothing() -> None:
    """3.906 is written for 3.90625: the axis is kept."""
    image = volume(np.random.default_rng(0).normal(size=(6, 5, 4)), (3.90625, 3.90625, 2.5))
    out = AntiAliasedSpacingd("image", [3.906, 3.906, 2.5])({"image": image})["image"]
    np.testing.assert_array_equal(out, image)
    np.testing.assert_array_equal(out.affine, image.affine)


def test_noise_falls_where_the_grid_gets_coarser_and_means_stay() -> None:
    noise = np.random.default_rng(0).normal(100, 50, size=(64, 64, 8))
    out = AntiAliasedSpacingd("image", [4, 4, 2])({"image": volume(noise, (1, 1, 2))})["image"]
    # a Gaussian of 1.5 voxels in two directions leaves 1 / (2 sqrt(pi) 1.5) = 0.19 of white noise's deviation
    assert float(out.std()) == pytest.approx(0.19 * 50, rel=0.3)
    assert float(out.mean()) == pytest.approx(100, abs=2)


def test_border_is_repeated() -> None:
    out = AntiAliasedSpacingd("image", [4, 4, 2])({"image": volume(np.full((16, 16, 4), -1000), (1, 1, 2))})["image"]
    np.testing.assert_allclose(out, -1000, rtol=1e-6)


def test_a_ramp_is_sampled_at_the_right_places() -> None:
    x = np.indices((20, 8, 8))[0].astype(float)
    out = AntiAliasedSpacingd("image", [2.5, 1, 1])({"image": volume(x, (1, 1, 1))})["image"]
    # 8 voxels of 2.5 about the center 9.5: 0.75, 3.25, ...; the ends are bent by the repeated border
    np.testing.assert_allclose(out[0, 1:-1, 4, 4], 0.75 + 2.5 * np.arange(1, 7), atol=0.02)


def test_inverse_returns_onto_the_grid_without_smoothing() -> None:
    x = np.indices((16, 12, 8))[0].astype(float)
    chain = Compose([AntiAliasedSpacingd("image", [4, 2, 2])])
    data = chain({"image": volume(x, (2, 2, 2))})
    data["pred"] = torch.zeros_like(data["image"])
    data["pred"][:, 2:6] = 1
    out = Invertd("pred", transform=chain, orig_keys="image", nearest_interp=False)(data)["pred"]
    assert out.shape == (1, 16, 12, 8)
    np.testing.assert_allclose(out.affine, volume(x, (2, 2, 2)).affine)
    # new voxel i has its center at old index 2 i + 0.5: linear between neighbors
    np.testing.assert_allclose(out[0, 2:7, 5, 4], [0, 0.25, 0.75, 1, 1], atol=1e-5)


def test_wrong_spacing() -> None:
    with pytest.raises(ValueError, match="three positive spacings"):
        AntiAliasedSpacingd("image", [1, 0, 1])
