# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from ctan_monai.metrics import dvh


def test_by_hand():
    dose = np.array([10.0, 20.0, 20.0, 40.0, 99.0])
    mask = np.array([True, True, True, True, False])
    axis, volume = dvh(dose, mask, bins=[0, 10, 15, 20, 30, 40, 41])
    np.testing.assert_array_equal(axis, [0, 10, 15, 20, 30, 40, 41])
    np.testing.assert_allclose(volume, [100, 100, 75, 75, 25, 25, 0])


def test_a_number_of_bins_spans_zero_to_the_highest_dose_in_the_structure():
    axis, volume = dvh(np.array([[10.0, 30.0], [50.0, 70.0]]), np.array([[1, 1], [1, 0]]), bins=6)
    np.testing.assert_allclose(axis, [0, 10, 20, 30, 40, 50])
    np.testing.assert_allclose(volume, [100, 100, 200 / 3, 200 / 3, 100 / 3, 100 / 3])


def test_a_structure_without_dose():
    axis, volume = dvh(np.zeros(4), np.ones(4), bins=3)
    np.testing.assert_array_equal(axis, 0)
    np.testing.assert_array_equal(volume, 100)


def test_an_empty_structure_is_an_error():
    with pytest.raises(ValueError, match="no voxel"):
        dvh(np.ones(4), np.zeros(4))
