# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from ctan_monai.metrics import VOXEL_SETS, dose_mae, dose_mae_sets


def test_mae_by_hand():
    assert dose_mae(np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.0, 3.0])) == pytest.approx(1.0)


def test_mae_in_a_mask_by_hand():
    mask = np.array([True, True, False])
    assert dose_mae(np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.0, 9.0]), mask) == pytest.approx(1.5)


def test_mae_of_an_empty_mask_is_none():
    assert dose_mae(np.ones(3), np.zeros(3), np.zeros(3, bool)) is None


def test_sets_by_hand():
    # 2 x 2 x 2 voxels, an error in each that names it: slice 0 has 1, 2, 3, 4; slice 1 has 10, 20, 30, 40
    reference = np.zeros((2, 2, 2))
    prediction = np.stack([np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[10.0, 20.0], [30.0, 40.0]])], axis=-1)
    body = np.zeros((2, 2, 2), bool)
    body[0, :, 1] = True  # body in slice 1 only: 10, 20
    possible = np.zeros((2, 2, 2), bool)
    possible[1, 1, 1] = True
    errors = dose_mae_sets(reference, prediction, body, possible)
    assert tuple(errors) == VOXEL_SETS
    assert errors == pytest.approx(
        {"whole_volume": 110 / 8, "body_slices": 25.0, "body": 15.0, "possible_dose_mask": 40.0}
    )


def test_sets_that_are_not_given_are_none():
    errors = dose_mae_sets(np.ones((2, 2, 2)), np.zeros((2, 2, 2)))
    assert errors == {"whole_volume": 1.0, "body_slices": None, "body": None, "possible_dose_mask": None}


def test_float32_volumes_are_averaged_in_float64():
    reference = np.full((128, 128, 128), 0.1, np.float32)
    assert dose_mae(reference, np.zeros_like(reference)) == pytest.approx(float(np.float32(0.1)), rel=1e-12)


def test_shapes_that_differ_are_named():
    with pytest.raises(ValueError, match=r"body has shape \(2, 2, 3\), but the reference dose has shape \(2, 2, 2\)"):
        dose_mae_sets(np.ones((2, 2, 2)), np.ones((2, 2, 2)), body=np.ones((2, 2, 3)))
