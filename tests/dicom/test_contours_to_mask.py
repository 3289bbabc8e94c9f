# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ctan_monai.dicom import InputError, Structure, ct_series, mask_outlines, rasterise, read_structures
from ctan_monai.dicom.contours_to_mask import fill_even_odd

# columns to the patient's left, rows to the back, slices upwards, in RAS mm; 2 x 3 x 5 mm
AFFINE = np.array([[-2.0, 0, 0, 30], [0, -3.0, 0, 40], [0, 0, 5.0, -100], [0, 0, 0, 1]])


def square(low: float, high: float) -> np.ndarray:
    return np.array([(low, low), (high, low), (high, high), (low, high)], float)


def outline(points: np.ndarray, k: float) -> np.ndarray:
    """Points (x, y) in voxels of slice k as RAS mm."""
    index = np.column_stack([points, np.full(len(points), k)])
    return index @ AFFINE[:3, :3].T + AFFINE[:3, 3]


def test_centres_inside_and_on_the_outline_count() -> None:
    found = fill_even_odd([square(1, 3)], (6, 5))
    expected = np.zeros((6, 5), bool)
    expected[1:4, 1:4] = True
    np.testing.assert_array_equal(found, expected)
    # a little smaller than the centres: only the middle is left; a little larger: the same 3 x 3
    assert fill_even_odd([square(1.1, 2.9)], (6, 5)).sum() == 1
    np.testing.assert_array_equal(fill_even_odd([square(0.6, 3.4)], (6, 5)), expected)


def test_a_triangle_by_hand() -> None:
    found = fill_even_odd([np.array([(0.0, 0.0), (4.0, 0.0), (0.0, 4.0)])], (5, 5))
    x, y = np.indices((5, 5))
    np.testing.assert_array_equal(found, x + y <= 4)


def test_an_outline_in_another_is_a_hole_and_one_in_that_is_an_island() -> None:
    found = fill_even_odd([square(0.5, 9.5), square(2.5, 7.5), square(4.5, 5.5)], (11, 11))
    expected = np.zeros((11, 11), bool)
    expected[1:10, 1:10] = True
    expected[3:8, 3:8] = False
    expected[5, 5] = True
    np.testing.assert_array_equal(found, expected)


def test_a_keyhole_contour_equals_the_two_outlines() -> None:
    outer, inner = square(0.5, 9.5), square(2.5, 7.5)
    keyhole = np.concatenate([outer, outer[:1], inner, inner[:1]])
    np.testing.assert_array_equal(fill_even_odd([keyhole], (11, 11)), fill_even_odd([outer, inner], (11, 11)))


def test_contours_beyond_the_image_are_cut_off() -> None:
    found = fill_even_odd([square(-3, 1.5), np.array([(3.5, -2), (9, -2), (9, 9), (3.5, 9)])], (5, 4))
    expected = np.zeros((5, 4), bool)
    expected[:2, :2] = expected[4] = True
    np.testing.assert_array_equal(found, expected)


def test_slices_by_position_and_notes() -> None:
    lines = [outline(square(0.5, 3.5), k) for k in (0, 2, 7)]
    mask, notes = rasterise(Structure("Rectum", lines), AFFINE, (6, 5, 4))
    assert mask.sum(axis=(0, 1)).tolist() == [9, 0, 9, 0]
    assert notes == [
        "'Rectum' has contours in 1 planes beyond the CT, which are left out",
        "'Rectum' has no contour in 1 of the slices between its contours",
    ]


def test_of_two_planes_near_a_slice_the_nearest_counts() -> None:
    lines = [outline(square(0.5, 3.5), 1.1), outline(square(0.5, 1.5), 1.4)]
    mask, _ = rasterise(Structure("Rectum", lines), AFFINE, (6, 5, 4))
    assert mask.sum(axis=(0, 1)).tolist() == [0, 9, 0, 0]


def test_contours_across_slices() -> None:
    line = outline(square(0.5, 3.5), 1)
    line[0, 2] += 10
    with pytest.raises(
        InputError, match=r"'Rectum': a contour spans 2\.0 slices of the CT; expected contours drawn in"
    ):
        rasterise(Structure("Rectum", [line]), AFFINE, (6, 5, 4))


def test_outlines_of_a_mask_give_the_mask_back() -> None:
    mask = np.random.default_rng(0).random((12, 9, 3)) > 0.6
    found, _ = rasterise(Structure("noise", mask_outlines(mask, AFFINE)), AFFINE, mask.shape)
    np.testing.assert_array_equal(found, mask)


def test_real_contours_give_the_published_masks(test_data_dir: Path) -> None:
    folder = test_data_dir / "pelvis_rt_dicom"
    if not folder.is_dir():
        pytest.skip(f"the real pelvic plan is absent: no '{folder}' (set CTAN_TEST_DATA)")
    series = ct_series(folder / "CT")
    structures = {s.name: s for s in read_structures(folder / "RS.dcm", series.frame_uid)}
    assert list(structures) == ["BODY", "PTV", "CTV", "Rectum", "Bladder", "Femur_L", "Femur_R"]
    with np.load(folder / "pelvis_case_zyx.npz") as arrays:
        for name in ("CTV", "Rectum", "Bladder", "Femur_L", "Femur_R"):
            expected = arrays[name].transpose(2, 1, 0)
            found, notes = rasterise(structures[name], series.affine, series.shape)
            assert 2 * (found & expected).sum() / (found.sum() + expected.sum()) >= 0.99, name
            assert notes == []


def test_points_between_pixel_centers_do_not_grow_the_mask() -> None:
    """Why the masks are not rt-utils': 1.2.7 paints 45 pixels (cv2.fillPoly of the rounded points, OpenCV 5.0.0)."""
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    circle = np.column_stack([7 + 3.4 * np.cos(angle), 7 + 3.4 * np.sin(angle)])
    x, y = np.indices((15, 15))
    found = fill_even_odd([circle], (15, 15))
    np.testing.assert_array_equal(found, np.hypot(x - 7, y - 7) < 3.4)
    assert found.sum() == 37


def test_a_damaged_structure_set(tmp_path: Path) -> None:
    (tmp_path / "RS.dcm").write_bytes(b"no DICOM")
    with pytest.raises(InputError, match=r"RS\.dcm: the RTSTRUCT file is damaged"):
        read_structures(tmp_path / "RS.dcm", "1.2")
