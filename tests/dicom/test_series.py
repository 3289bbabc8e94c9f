# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    RLELossless,
    generate_uid,
)

from ctan_monai.dicom import ct_series, read_ct_series, write_ct_series
from ctan_monai.imaging import check_axes
from ctan_monai.utils import InputError

# columns to the patient's left, rows to the back, slices upwards, in RAS mm; 2 x 3 x 5 mm
HEAD_FIRST = np.array([[-2.0, 0, 0, 30], [0, -3.0, 0, 40], [0, 0, 5.0, -100], [0, 0, 0, 1]])
# columns to the right, rows to the back, slices downwards
FEET_FIRST = np.array([[2.0, 0, 0, -30], [0, -3.0, 0, 40], [0, 0, -5.0, 100], [0, 0, 0, 1]])


def numbered(shape: tuple[int, int, int] = (7, 6, 5)) -> np.ndarray:
    """HU that tell each voxel's index: 100 z + 10 y + x - 1024."""
    x, y, z = np.indices(shape)
    return (100 * z + 10 * y + x - 1024).astype(np.int16)


@pytest.fixture
def series(tmp_path: Path) -> Path:
    write_ct_series(tmp_path / "CT", numbered(), HEAD_FIRST)
    return tmp_path / "CT"


def change(file: Path, edit: Callable[[pydicom.Dataset], None]) -> None:
    image = pydicom.dcmread(file)
    edit(image)
    image.save_as(file)


def set_tag(keyword: str, value: object) -> Callable[[pydicom.Dataset], None]:
    return lambda image: setattr(image, keyword, value)


@pytest.mark.parametrize("affine", [HEAD_FIRST, FEET_FIRST])
def test_values_and_affine_whatever_the_names_and_the_position(affine: np.ndarray, tmp_path: Path) -> None:
    files = write_ct_series(tmp_path, numbered(), affine)
    for name, file in zip(["b", "e.dcm", "a.ima", "d", "c"], files, strict=True):
        file.rename(tmp_path / name)
    (tmp_path / "README.txt").write_text("no image")
    hu, found = read_ct_series(tmp_path)
    np.testing.assert_array_equal(hu, numbered())
    np.testing.assert_allclose(found, affine)
    # voxel (6, 5, 4) lies where the affine of the slices puts it
    np.testing.assert_allclose(found @ [6, 5, 4, 1], affine @ [6, 5, 4, 1])


def test_files_are_sorted_along_the_normal(series: Path) -> None:
    found = ct_series(reversed(sorted(series.iterdir())))
    assert [f.name for f in found.files] == [f"CT.{k:03d}.dcm" for k in range(1, 6)]
    assert found.shape == (7, 6, 5)


def test_each_slice_has_its_own_rescale(series: Path) -> None:
    def halve(image: pydicom.Dataset) -> None:
        image.RescaleSlope, image.RescaleIntercept = "0.5", "-1000"

    change(series / "CT.002.dcm", halve)
    hu, _ = read_ct_series(series)
    np.testing.assert_array_equal(hu[:, :, 0], numbered()[:, :, 0])
    np.testing.assert_array_equal(hu[:, :, 1], (numbered()[:, :, 1] + 1024) * 0.5 - 1000)


def test_compressed_slices_are_decoded(series: Path) -> None:
    for file in series.iterdir():
        change(file, lambda image: image.compress(RLELossless, generate_instance_uid=False))
    hu, _ = read_ct_series(series)
    np.testing.assert_array_equal(hu, numbered())


def test_deflated_slices_are_read_and_cut_ones_refused(tmp_path: Path) -> None:
    """A deflated file is smaller than its pixels without being damaged."""
    hu = numbered((40, 30, 5))
    for file in write_ct_series(tmp_path, hu, HEAD_FIRST):
        image = pydicom.dcmread(file)
        image.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        image.save_as(file)
        assert file.stat().st_size < image.Rows * image.Columns * 2
    found, affine = read_ct_series(tmp_path)
    np.testing.assert_array_equal(found, hu)
    np.testing.assert_allclose(affine, HEAD_FIRST)
    whole = file.read_bytes()
    for length in range(400, len(whole) - 8, len(whole) // 12):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError, match=rf"{file.name}: the DICOM file is damaged"):
            read_ct_series(tmp_path)


@pytest.mark.parametrize(
    ("usual", "other"),
    [("2", "2.0"), ("2", "2.000"), ("2", "0.2e1"), ("1.953125", "1.95312"), ("0.9765625", "0.976563")],
)
def test_pixel_spacings_are_compared_as_numbers(usual: str, other: str, series: Path) -> None:
    for number, file in enumerate(sorted(series.iterdir())):
        change(file, set_tag("PixelSpacing", [other if number % 2 else usual, usual]))
    found = ct_series(series)
    np.testing.assert_allclose(np.linalg.norm(found.affine[:3, :2], axis=0), float(usual), atol=1e-5)


@pytest.mark.parametrize("other", ["2.01", "1.99", "2.001"])
def test_other_pixel_spacings_are_refused(other: str, series: Path) -> None:
    for file in series.iterdir():
        change(file, set_tag("PixelSpacing", ["2", "2"]))
    change(series / "CT.003.dcm", set_tag("PixelSpacing", ["2", other]))
    with pytest.raises(InputError, match=rf"different pixel spacings: .*{other}"):
        ct_series(series)


@pytest.mark.parametrize("value", [["2"], ["2", "0"], ["2", "-2"], ["2", "2", "2"]])
def test_pixel_spacings_that_are_none(value: list[str], series: Path) -> None:
    change(series / "CT.003.dcm", set_tag("PixelSpacing", value))
    with pytest.raises(InputError, match=r"CT\.003\.dcm: the CT slice has the PixelSpacing .*expected two numbers"):
        ct_series(series)


@pytest.mark.parametrize("short", [0, 1])
def test_run_length_encoding_that_ends_early_is_refused(short: int, tmp_path: Path) -> None:
    """A plane of bytes that lacks a half: of the high bytes, GDCM fills it from the low ones."""
    hu = numbered((16, 12, 5))
    file = write_ct_series(tmp_path, hu, HEAD_FIRST)[2]
    image = pydicom.dcmread(file)
    pixels = np.frombuffer(image.PixelData, np.uint8).reshape(-1, 2)
    for cut in (False, True):
        planes = [pixels[: len(pixels) // 2 if cut and k == short else None, 1 - k].tobytes() for k in (0, 1)]
        segments = [b"".join(bytes([15]) + p[i : i + 16] for i in range(0, len(p), 16)) for p in planes]  # a run a row
        table = struct.pack("<16L", 2, 64, 64 + len(segments[0]), *[0] * 13)
        image.file_meta.TransferSyntaxUID = RLELossless
        image.PixelData = encapsulate([table + b"".join(segments)])
        image["PixelData"].VR, image["PixelData"].is_undefined_length = "OB", True
        image.save_as(file)
        if not cut:
            np.testing.assert_array_equal(read_ct_series(tmp_path)[0], hu)
    with pytest.raises(InputError, match=r"CT\.003\.dcm: the pixels of the CT slice cannot be decoded"):
        read_ct_series(tmp_path)


def test_equals_simpleitk_and_the_published_arrays_on_a_real_ct(test_data_dir: Path) -> None:
    folder = test_data_dir / "pelvis_rt_dicom"
    if not folder.is_dir():
        pytest.skip(f"the real pelvic CT series is absent: no '{folder}' (set CTAN_TEST_DATA)")
    hu, affine = read_ct_series(folder / "CT")
    with np.load(folder / "pelvis_case_zyx.npz") as arrays:
        np.testing.assert_array_equal(hu, arrays["ct_hu"].transpose(2, 1, 0))
        expected = np.diag([-1.0, -1, 1, 1]) @ np.block(
            [[np.diag(arrays["spacing_mm"]), arrays["origin_lps"][:, None]], [0, 0, 0, 1]]
        )
    np.testing.assert_allclose(affine, expected, atol=1e-6)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder / "CT")))
    image = reader.Execute()
    np.testing.assert_array_equal(hu, sitk.GetArrayFromImage(image).transpose(2, 1, 0))
    index = (17, 90, 40)
    np.testing.assert_allclose(
        (np.diag([-1.0, -1, 1, 1]) @ affine @ [*index, 1])[:3], image.TransformIndexToPhysicalPoint(index), atol=1e-4
    )
    # and pydicom's own pixels of one slice
    slice_ = pydicom.dcmread(folder / "CT" / "CT.011.dcm")
    np.testing.assert_array_equal(
        hu[:, :, 10].T, slice_.pixel_array * float(slice_.RescaleSlope) + float(slice_.RescaleIntercept)
    )


def test_localizers_and_other_modalities_beside_the_series_are_left_out(series: Path) -> None:
    for name, tag, value in (
        ("scout", "ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]),
        ("dose", "Modality", "RTDOSE"),
    ):
        shutil.copy(series / "CT.001.dcm", series / f"{name}.dcm")
        change(series / f"{name}.dcm", set_tag(tag, value))
        change(series / f"{name}.dcm", set_tag("SeriesInstanceUID", generate_uid(prefix=None)))
    assert len(ct_series(series).files) == 5


def test_two_series_are_named(series: Path) -> None:
    write_ct_series(series, numbered(), HEAD_FIRST, description="thin", prefix="other")
    with pytest.raises(InputError, match=r"2 CT series, expected one.*'CT' with 5 slices.*'thin' with 5.*of its own"):
        ct_series(series)


def test_a_missing_slice_is_named_by_its_neighbors(series: Path) -> None:
    (series / "CT.003.dcm").unlink()  # z = -90
    with pytest.raises(InputError, match=r"most are 5.00 mm apart, not -95.00 to -85.00 mm \(10.00 mm\)"):
        ct_series(series)


def test_a_slice_given_twice(series: Path) -> None:
    shutil.copy(series / "CT.004.dcm", series / "copy.dcm")
    with pytest.raises(InputError, match=r"same position as another: .*(CT.004|copy).dcm and .* at -85.00 mm"):
        ct_series(series)


@pytest.mark.parametrize(
    ("keyword", "value", "message"),
    [
        ("PatientID", "somebody else", "different patients: phantom, somebody else"),
        ("FrameOfReferenceUID", "1.2.3", "different frames of reference"),
        ("Rows", 3, "different numbers of rows: 3, 6"),
        ("PixelSpacing", ["1", "1"], "different pixel spacings"),
        ("ImageOrientationPatient", [1, 0, 0, 0, 0, 1], "not parallel"),
        ("ImagePositionPatient", [-30, -20, -90], r"CT.003.dcm lies 20.0 mm beside the line"),
        ("ImagePositionPatient", None, "CT.003.dcm: the CT slice has no ImagePositionPatient"),
        ("RescaleSlope", None, "CT.003.dcm: the CT slice has no RescaleSlope.*HU"),
    ],
)
def test_slices_that_do_not_fit_together(keyword: str, value: object, message: str, series: Path) -> None:
    change(series / "CT.003.dcm", set_tag(keyword, value))
    with pytest.raises(InputError, match=message):
        ct_series(series)


@pytest.mark.parametrize("modality", ["MR", "RTDOSE"])
def test_no_ct_names_what_is_there(modality: str, series: Path) -> None:
    for file in series.iterdir():
        change(file, set_tag("Modality", modality))
    with pytest.raises(InputError, match=rf"no CT slices; found {modality} \(5 files\)"):
        ct_series(series)


def test_an_empty_folder_and_a_single_slice(series: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no CT slices; found no DICOM files"):
        ct_series(tmp_path / "empty")
    with pytest.raises(InputError, match="has one slice"):
        ct_series([series / "CT.001.dcm"])


@pytest.mark.parametrize("kind", [EnhancedCTImageStorage, LegacyConvertedEnhancedCTImageStorage])
def test_an_enhanced_multi_frame_ct_is_refused(kind: str, series: Path) -> None:
    for file in list(series.iterdir())[1:]:
        file.unlink()
    change(next(series.iterdir()), set_tag("SOPClassUID", kind))
    with pytest.raises(InputError, match="multi-frame"):
        ct_series(series)


def test_a_tilted_gantry_is_refused(tmp_path: Path) -> None:
    tilted = HEAD_FIRST.copy()
    tilted[1, 2] = 5 * np.tan(np.radians(12))
    write_ct_series(tmp_path, numbered(), tilted)
    with pytest.raises(InputError, match="sheared by"):
        ct_series(tmp_path)


def test_a_tilted_gantry_as_scanners_write_it_is_refused(tmp_path: Path) -> None:
    """The rows lean over, the table moves on along z."""
    lean = np.radians(12)
    tilted = HEAD_FIRST.copy()
    tilted[:3, 1] = 0, -3 * np.cos(lean), 3 * np.sin(lean)
    write_ct_series(tmp_path, numbered(), tilted)
    with pytest.raises(InputError, match=r"sheared by 12\.0 degrees \(gantry tilt\); expected .* Resample the series"):
        ct_series(tmp_path)


def test_two_patients_in_one_folder_are_named(series: Path) -> None:
    write_ct_series(series, numbered(), HEAD_FIRST, patient_id="other", prefix="other")
    with pytest.raises(InputError, match=r"2 patients \(PatientID other, phantom\), expected one.*folder of its own"):
        ct_series(series)


def test_oblique_axes_are_refused_and_sagittal_ones_are_not() -> None:
    turn = np.radians(15)
    oblique = np.eye(4)
    oblique[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    with pytest.raises(InputError, match=r"15\.0 degrees off"):
        check_axes(oblique, "image")
    check_axes(np.eye(4)[[1, 2, 0, 3]], "image")
    with pytest.raises(InputError, match="not a valid voxel-to-mm matrix"):
        check_axes(np.diag([1.0, 0, 1, 1]), "image")


def test_truncated_files(series: Path) -> None:
    content = (series / "CT.002.dcm").read_bytes()
    (series / "CT.002.dcm").write_bytes(content[:-40])
    with pytest.raises(
        InputError, match=r"CT.002.dcm: the DICOM file is damaged|pixels of the CT series cannot be read"
    ):
        read_ct_series(series)
    (series / "CT.002.dcm").write_bytes(content[:300])
    with pytest.raises(InputError, match=r"CT.002.dcm"):
        ct_series(series)
    (series / "CT.002.dcm").write_bytes(b"")
    with pytest.raises(InputError, match=r"CT.002.dcm: the DICOM file is damaged: it has no DICOM header"):
        ct_series(series)
