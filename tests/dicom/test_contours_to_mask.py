# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

from ctan_monai.dicom import Structure, ct_series, mask_outlines, rasterize, read_structures
from ctan_monai.dicom.fill_contours import combine_contours, fill_even_odd
from ctan_monai.utils import InputError

# columns to the patient's left, rows to the back, slices upwards, in RAS mm; 2 x 3 x 5 mm
AFFINE = np.array([[-2.0, 0, 0, 30], [0, -3.0, 0, 40], [0, 0, 5.0, -100], [0, 0, 0, 1]])


def square(low: float, high: float) -> np.ndarray:
    return np.array([(low, low), (high, low), (high, high), (low, high)], float)


def outline(points: np.ndarray, k: float) -> np.ndarray:
    """Points (x, y) in voxels of slice k as RAS mm."""
    index = np.column_stack([points, np.full(len(points), k)])
    return index @ AFFINE[:3, :3].T + AFFINE[:3, 3]


def test_centers_inside_and_on_the_outline_count() -> None:
    found = fill_even_odd([square(1, 3)], (6, 5))
    expected = np.zeros((6, 5), bool)
    expected[1:4, 1:4] = True
    np.testing.assert_array_equal(found, expected)
    # a little smaller than the centers: only the middle is left; a little larger: the same 3 x 3
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


SHIFTED = square(0.5, 10.5) + np.array([5, 0])
COMBINED = [  # contours of one plane, pixels by hand, whether contours overlap
    ("a copy", [square(0.5, 10.5)] * 2, 100, True),
    ("three copies, one of them the other way round", [square(0.5, 10.5), square(0.5, 10.5)[::-1]] * 2, 100, True),
    ("a copy of fewer decimals, a little smaller", [square(0.5, 10.5), square(0.55, 10.45)], 100, True),
    ("half shared", [square(0.5, 10.5), SHIFTED], 150, True),
    ("a cross without a corner in the other", [square(0.5, 10.5) * [1, 0.3], square(0.5, 10.5) * [0.3, 1]], 51, True),
    ("side by side on one line", [square(0.5, 4.5), square(0.5, 4.5) + np.array([4, 0])], 32, False),
    ("apart", [square(0.5, 4.5), square(6.5, 8.5)], 20, False),
    ("a hole", [square(4.5, 6.5), square(0.5, 10.5)], 96, False),
    ("a hole that touches the outline", [square(0.5, 10.5), square(0.5, 4.5)], 84, False),
    ("a hole, twice", [square(0.5, 10.5), square(2.5, 6.5), square(2.5, 6.5)], 84, True),
    ("a hole in what two share", [square(0.5, 10.5), SHIFTED, square(6.5, 8.5)], 146, True),
    ("a hole that another contour enters", [square(0.5, 10.5), square(2.5, 8.5), SHIFTED], 82 + 50, True),
    ("an island in a hole", [square(0.5, 10.5), square(2.5, 8.5), square(4.5, 6.5)], 68, False),
    ("a narrow wall", [square(0.5, 10.5), square(1.5, 9.5)], 36, False),
]


@pytest.mark.parametrize(("polygons", "pixels", "overlap"), [c[1:] for c in COMBINED], ids=[c[0] for c in COMBINED])
def test_closed_planar_contours_are_a_union_with_holes(polygons: list[np.ndarray], pixels: int, overlap: bool) -> None:
    for order in (polygons, polygons[::-1]):
        found, noted = combine_contours(order, (20, 12))
        assert (int(found.sum()), noted) == (pixels, overlap)


def test_an_island_in_a_keyhole_stays() -> None:
    outer, inner = square(0.5, 10.5), square(2.5, 8.5)
    keyhole = np.concatenate([outer, outer[:1], inner, inner[:1]])
    found, overlap = combine_contours([keyhole, square(4.5, 6.5)], (12, 12))
    assert not overlap and not found[3, 5]
    # the channel from corner to corner runs through the pixels (1, 1) and (2, 2), which are in the ring anyway
    assert found.sum() == 100 - 36 + 4


def test_exclusive_or_where_the_type_says_so() -> None:
    lines = [outline(polygon, 1) for polygon in (square(0.5, 10.5), SHIFTED)]
    for exclusive, pixels in ((False, 150), (True, 100)):
        mask, notes = rasterize(Structure("PTV", lines, exclusive), AFFINE, (20, 12, 3))
        assert mask.sum() == pixels and len(notes) == (not exclusive)


@pytest.mark.parametrize("jitter", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("at", [1.0, 1.5])
def test_contours_of_one_slice_may_differ_in_z(jitter: float, at: float) -> None:
    """A hole and a second piece that lie ``jitter`` mm beside the outline; slices of 5 mm."""
    polygons = [square(0.5, 6.5), square(2.5, 4.5), square(8.5, 10.5)]
    for signs in ((1, -1, 0), (-1, 0, 0), (0, 1, 1)):
        lines = [outline(p, at + sign * jitter / 10) for p, sign in zip(polygons, signs, strict=True)]
        mask, notes = rasterize(Structure("PTV", lines), AFFINE, (12, 12, 4))
        assert mask.sum(axis=(0, 1)).tolist() == ([0, 36, 0, 0] if at == 1 else [0, 0, 36, 0])
        assert notes == []


def test_a_contour_that_holds_no_voxel_is_told() -> None:
    lines = [outline(square(0.5, 3.5), 1), outline(square(4.2, 4.8), 1), outline(square(50, 60), 1)]
    mask, notes = rasterize(Structure("Rectum", lines), AFFINE, (8, 8, 3))
    assert mask.sum() == 9
    assert notes == ["'Rectum' has 2 contours that hold no voxel's center"]


def test_gaps_between_contours_are_interpolated() -> None:
    """From 10 to 6 pixels the slice between has 8; pixels are 2 x 3 mm."""
    lines = [outline(square(0.5, 10.5), 1), outline(square(2.5, 8.5), 3)]
    mask, notes = rasterize(Structure("Bladder", lines), AFFINE, (12, 12, 5))
    assert mask.sum(axis=(0, 1)).tolist() == [0, 100, 64, 36, 0]
    assert notes == ["'Bladder' has no contour in 1 of the slices between its contours, which are interpolated"]


@pytest.mark.parametrize(("step", "missing"), [(2, 0.01), (3, 0.04)])
def test_a_sphere_contoured_on_some_slices_keeps_its_volume(step: int, missing: float) -> None:
    """Contours on each second slice alone halved an organ. What lies straight between contours is inside a sphere."""
    shape, radius = (42, 42, 43), 18.0
    x, y, z = np.indices(shape) - np.array([20, 20, 21]).reshape(3, 1, 1, 1)
    sphere = x**2 + y**2 + z**2 < radius**2
    affine = np.eye(4)
    lines = [line for line in mask_outlines(sphere, affine) if (line[0, 2] - 21) % step == 0]
    mask, notes = rasterize(Structure("Bladder", lines), affine, shape)
    assert abs(mask.sum() / sphere.sum() - 1) < missing
    assert 2 * (mask & sphere).sum() / (mask.sum() + sphere.sum()) > 0.97
    assert len(notes) == 1 and notes[0].endswith("which are interpolated")


def test_a_gap_wider_than_the_usual_one_stays() -> None:
    """Two pieces with a contour on each slice: what lies between them stays outside the structure."""
    lines = [outline(square(0.5, 3.5), k) for k in (0, 1, 2, 6, 7, 9)]
    mask, notes = rasterize(Structure("Nodes", lines), AFFINE, (6, 5, 10))
    assert np.flatnonzero(mask.any(axis=(0, 1))).tolist() == [0, 1, 2, 6, 7, 8, 9]
    assert notes == [
        "'Nodes' has no contour in 1 of the slices between its contours, which are interpolated",
        "'Nodes' has no contour in 3 of the slices between its contours",
    ]


def test_contours_beyond_the_image_are_cut_off() -> None:
    found = fill_even_odd([square(-3, 1.5), np.array([(3.5, -2), (9, -2), (9, 9), (3.5, 9)])], (5, 4))
    expected = np.zeros((5, 4), bool)
    expected[:2, :2] = expected[4] = True
    np.testing.assert_array_equal(found, expected)


def test_slices_by_position_and_notes() -> None:
    lines = [outline(square(0.5, 3.5), k) for k in (0, 3, 7)]
    mask, notes = rasterize(Structure("Rectum", lines), AFFINE, (6, 5, 4))
    assert mask.sum(axis=(0, 1)).tolist() == [9, 0, 0, 9]
    assert notes == [
        "'Rectum' has contours in 1 planes beyond the CT, which are left out",
        "'Rectum' has no contour in 2 of the slices between its contours",
    ]


def test_of_two_planes_near_a_slice_the_nearest_counts() -> None:
    lines = [outline(square(0.5, 3.5), 1.1), outline(square(0.5, 1.5), 1.4)]
    for order in (lines, lines[::-1]):
        mask, notes = rasterize(Structure("Rectum", order), AFFINE, (6, 5, 4))
        assert mask.sum(axis=(0, 1)).tolist() == [0, 9, 0, 0]
        assert len(notes) == 1 and "1 planes between the CT's slices, which are left out" in notes[0]


def test_contours_across_slices() -> None:
    line = outline(square(0.5, 3.5), 1)
    line[0, 2] += 10
    with pytest.raises(
        InputError, match=r"'Rectum': a contour spans 2\.0 slices of the CT; expected contours drawn in"
    ):
        rasterize(Structure("Rectum", [line]), AFFINE, (6, 5, 4))


def test_outlines_of_a_mask_give_the_mask_back() -> None:
    mask = np.random.default_rng(0).random((12, 9, 3)) > 0.6
    found, _ = rasterize(Structure("noise", mask_outlines(mask, AFFINE)), AFFINE, mask.shape)
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
            found, notes = rasterize(structures[name], series.affine, series.shape)
            assert 2 * (found & expected).sum() / (found.sum() + expected.sum()) >= 0.99, name
            assert len(notes) == 1 and "pixel centers" in notes[0]


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


def structure_set(path: Path, contours: list[tuple[str | None, np.ndarray]]) -> Structure:
    """Writes a structure set with one ROI, its contours in two items, and reads it."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = RTStructureSetStorage, "1.2.3"
    roi = Dataset()
    roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = 1, "Bladder", "1.2"
    dataset.StructureSetROISequence = [roi]
    dataset.ROIContourSequence = []
    for part in (contours[:1], contours[1:]):
        item = Dataset()
        item.ReferencedROINumber, item.ContourSequence = 1, []
        for kind, points in part:
            contour = Dataset()
            if kind is not None:
                with disable_value_validation():  # INTERPOLATED_PLANAR is longer than a code string may be
                    contour.ContourGeometricType = kind
            contour.ContourData = [f"{v:.4f}" for v in (points * [-1, -1, 1]).ravel()]
            item.ContourSequence.append(contour)
        dataset.ROIContourSequence.append(item)
    dataset.save_as(path, enforce_file_format=True)
    (structure,) = read_structures(path, "1.2")
    return structure


SMALL, LARGE = outline(square(0.5, 3.5), 1), outline(square(4.5, 10.5), 1)


@pytest.mark.parametrize(
    ("kind", "pixels", "words"),
    [
        ("CLOSED_PLANAR", 45, []),
        ("INTERPOLATED_PLANAR", 45, ["type INTERPOLATED_PLANAR", "read as closed"]),
        (None, 45, ["without a type", "read as closed"]),
        ("", 45, ["without a type", "read as closed"]),
        ("OPEN_PLANAR", 9, ["type OPEN_PLANAR", "left out"]),
        ("OPEN_NONPLANAR", 9, ["type OPEN_NONPLANAR", "left out"]),
        ("POINT", 9, ["type POINT", "left out"]),
    ],
)
def test_types_of_contours(tmp_path: Path, kind: str | None, pixels: int, words: list[str]) -> None:
    structure = structure_set(tmp_path / "RS.dcm", [("CLOSED_PLANAR", SMALL), (kind, LARGE)])
    mask, notes = rasterize(structure, AFFINE, (12, 12, 3))
    assert mask.sum() == pixels and len(notes) == bool(words)
    assert all(word in note for note in notes for word in ["'Bladder' has 1 contours", *words])


def test_exclusive_or_from_a_file(tmp_path: Path) -> None:
    lines = [("CLOSEDPLANAR_XOR", outline(p, 1)) for p in (square(0.5, 10.5), SHIFTED)]
    mask, notes = rasterize(structure_set(tmp_path / "RS.dcm", lines), AFFINE, (20, 12, 3))
    assert mask.sum() == 100 and notes == []


def test_contours_of_fewer_than_three_points_are_told(tmp_path: Path) -> None:
    structure = structure_set(tmp_path / "RS.dcm", [("CLOSED_PLANAR", SMALL), ("CLOSED_PLANAR", LARGE[:2])])
    assert len(structure.contours) == 1
    assert structure.notes == ["'Bladder' has 1 contours of fewer than 3 points, which are left out"]


def test_points_on_pixel_centers_are_told() -> None:
    """Of 3 x 3 points the outline through the outer ones holds 9 here; by the area inside it would be 4."""
    mask, notes = rasterize(Structure("PTV", [outline(square(1, 3), 0)]), AFFINE, (6, 5, 1))
    assert mask.sum() == 9
    assert len(notes) == 1 and "pixel centers" in notes[0]
    assert rasterize(Structure("PTV", [outline(square(0.5, 3.5), 0)]), AFFINE, (6, 5, 1))[1] == []
