# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from ctan_monai.transforms import target_masks
from ctan_monai.transforms.read_targets import Target
from ctan_monai.transforms.targets_on_grid import MOST_LEVELS
from ctan_monai.utils import printable

AFFINE = np.diag([-2.0, -2.0, 3.0, 1.0])
SHAPE = (8, 6, 4)


def block(*indices: slice) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[indices] = True
    return mask


def test_a_mask_of_another_grid_lies_where_it_is() -> None:
    mask = block(slice(1, 4), slice(0, 2), slice(2, 4))
    flipped = AFFINE.copy()
    flipped[:3, 3] += flipped[:3, 0] * (SHAPE[0] - 1)
    flipped[:3, 0] *= -1
    finer = AFFINE @ np.diag([0.5, 0.5, 0.5, 1.0])
    finer[:3, 3] = AFFINE[:3, 3] - 0.25 * AFFINE[:3, :3].sum(axis=1)
    targets = [
        Target("same", mask, AFFINE, 70.0),
        Target("flipped", mask[::-1], flipped, 63.0),
        Target("finer", mask.repeat(2, 0).repeat(2, 1).repeat(2, 2), finer, 56.0),
    ]
    found = target_masks(targets, AFFINE, SHAPE)
    assert [gray for gray, _ in found.values()] == [70, 63, 56]
    for name, (_, moved) in found.items():
        np.testing.assert_array_equal(moved, mask, err_msg=name)


def test_each_dose_of_a_volume_is_a_target() -> None:
    gray = np.float32(59.4) * block(slice(0, 2)) + np.float32(70) * block(slice(4, 5))
    found = target_masks([Target("", gray, AFFINE, None)], AFFINE, SHAPE)
    assert list(found) == ["59.4 Gy", "70 Gy"]
    np.testing.assert_array_equal(found["70 Gy"][1], block(slice(4, 5)))
    ramp = np.linspace(50, 70, MOST_LEVELS + 1, dtype=np.float32)
    many = np.zeros(SHAPE, np.float32)
    many.flat[: len(ramp)] = ramp
    assert target_masks([Target("", many, AFFINE, None)], AFFINE, SHAPE) == {}


def test_names_can_be_shown_and_none_takes_the_place_of_another() -> None:
    names = ["PTV\x1b[31m", "PTV\x07[31m", "a\nb", "\u202ePTV", "\udce9", "W" * 99]
    found = target_masks([Target(name, block(slice(1)), AFFINE, 60.0) for name in names], AFFINE, SHAPE)
    assert list(found) == ["PTV\ufffd[31m", "PTV\ufffd[31m (2)", "a b", "\ufffdPTV", "\ufffd", "W" * 63 + "…"]


@pytest.mark.parametrize("name", ["PTV 70 Gy", "Größe", "標的"])
def test_usual_names_stay(name: str) -> None:
    assert printable(name) == name
