# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from ctan_monai.imaging.body import body_mask


def _air(shape: tuple[int, int, int] = (8, 8, 4)) -> np.ndarray:
    return np.full(shape, -1000, np.int16)


def test_holes_are_filled_within_slices_and_the_smaller_component_is_left_out() -> None:
    ct = _air()
    ct[1:6, 1:6, 1:3] = 40
    ct[3, 3, 1:3] = -900  # an airway, open at both ends of the body: a hole in each slice, none in 3-D
    ct[7, 7, :] = 40  # couch
    expected = np.zeros(ct.shape, bool)
    expected[1:6, 1:6, 1:3] = True
    assert np.array_equal(body_mask(ct), expected)


def test_a_cavity_that_reaches_the_outside_within_the_slice_is_no_hole() -> None:
    ct = _air()
    ct[1:6, 1:6, 1] = 40
    ct[3, 3:6, 1] = -900
    expected = np.zeros(ct.shape, bool)
    expected[1:6, 1:6, 1] = True
    expected[3, 3:6, 1] = False
    assert np.array_equal(body_mask(ct), expected)


def test_body_that_fills_the_slice_up_to_its_border() -> None:
    ct = np.full((5, 5, 2), 40, np.int16)
    ct[2, 2, 0] = -1000
    assert body_mask(ct).all()


def test_threshold_is_exclusive() -> None:
    ct = _air()
    ct[2, 2, 2] = -300
    assert not body_mask(ct).any()
    ct[2, 2, 2] = -299
    assert body_mask(ct).sum() == 1


def test_air_only() -> None:
    mask = body_mask(_air())
    assert mask.shape == (8, 8, 4) and mask.dtype == bool and not mask.any()
