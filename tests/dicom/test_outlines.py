# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from matplotlib.path import Path as Polygon

from ctan_monai.dicom import Structure, mask_outlines, rasterize

AFFINE = np.array([[-2.0, 0, 0, 30], [0, -3.0, 0, 40], [0, 0, 5.0, -100], [0, 0, 0, 1]])


def area(ring: np.ndarray) -> float:
    x, y = ring[:, 0], ring[:, 1]
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def winding(ring: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Turns of a ring about points, by the angles that its edges subtend."""
    start, end = ring[:, None] - points, np.roll(ring, -1, axis=0)[:, None] - points
    cross = start[..., 0] * end[..., 1] - start[..., 1] * end[..., 0]
    return np.rint(np.arctan2(cross, (start * end).sum(axis=-1)).sum(axis=0) / (2 * np.pi))


def test_a_voxel_is_a_diamond_through_the_middles_of_its_sides() -> None:
    mask = np.zeros((3, 3, 3), bool)
    mask[1, 1, 2] = True
    (ring,) = mask_outlines(mask, np.eye(4))
    assert {tuple(p) for p in ring} == {(0.5, 1, 2), (1.5, 1, 2), (1, 0.5, 2), (1, 1.5, 2)}


def test_straight_sides_have_no_points_between_their_ends() -> None:
    mask = np.ones((20, 10, 1), bool)
    (ring,) = mask_outlines(mask, np.eye(4))
    assert len(ring) == 8  # the corners are cut by half a voxel
    assert area(ring) == pytest.approx(20 * 10 - 4 / 8)


def test_a_hole_is_joined_by_a_channel_without_width() -> None:
    mask = np.ones((9, 7, 1), bool)
    mask[3:5, 3, 0] = False
    (ring,) = mask_outlines(mask, np.eye(4))
    hole = area(mask_outlines(~mask, np.eye(4))[0])
    assert area(ring) == pytest.approx(9 * 7 - 4 / 8 - hole)
    rows = ring[(ring[:, 0] > 4.4) & (ring[:, 1] == 3)]
    assert sorted(rows[:, 0]) == [4.5, 4.5, 8.5, 8.5], "there and back along one row"


@pytest.mark.parametrize("density", [0.3, 0.6, 0.9])
def test_every_kind_of_reader_gets_the_mask_back(density: float) -> None:
    """Holes, holes beside holes, islands in holes, corners that touch: even-odd, winding number, and union."""
    mask = np.random.default_rng(3).random((24, 17, 4)) < density
    rings = mask_outlines(mask, AFFINE)
    found, _ = rasterize(Structure("noise", rings), AFFINE, mask.shape)
    np.testing.assert_array_equal(found, mask)
    # as others do, each ring alone; at a point beside each center, as a channel runs through centers
    points = np.stack(np.indices(mask.shape[:2]), axis=-1).reshape(-1, 2) + np.array([0.01, 0.02])
    planes = [[r for r in mask_outlines(mask, np.eye(4)) if r[0, 2] == k] for k in range(mask.shape[2])]
    for k, plane in enumerate(planes):
        inside = np.array([Polygon(r[:, :2]).contains_points(points) for r in plane])
        turns = np.array([winding(r[:, :2], points) for r in plane])
        expected = mask[:, :, k].ravel()
        np.testing.assert_array_equal(inside.sum(axis=0) % 2 == 1, expected)  # even-odd over all
        np.testing.assert_array_equal(inside.any(axis=0), expected)  # union
        np.testing.assert_array_equal(turns.sum(axis=0), expected)  # winding number


def test_centers_on_the_channel_belong_to_the_mask_by_counting_crossings() -> None:
    mask = np.ones((9, 7, 1), bool)
    mask[3:5, 3, 0] = False
    (ring,) = mask_outlines(mask, np.eye(4))
    points = np.stack(np.indices((9, 7)), axis=-1).reshape(-1, 2)
    np.testing.assert_array_equal(Polygon(ring[:, :2]).contains_points(points).reshape(9, 7), mask[:, :, 0])


def test_an_empty_mask_has_none() -> None:
    assert mask_outlines(np.zeros((3, 3, 3), bool), np.eye(4)) == []
