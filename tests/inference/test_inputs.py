# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from ctan_monai.dicom import write_ct_series
from ctan_monai.inference import find_inputs
from ctan_monai.transforms import CTReader
from ctan_monai.utils import InputError

AFFINE = np.array([[-2.0, 0, 0, 30], [0, -3.0, 0, 40], [0, 0, 5.0, -100], [0, 0, 0, 1]])


def save(path: Path, shape: tuple[int, ...] = (6, 5, 4), dtype: type = np.int16) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.random.default_rng(0).integers(-1000, 1000, shape).astype(dtype)
    nib.save(nib.Nifti1Image(array, AFFINE, dtype=dtype), path)
    return path


def test_a_file_a_series_and_a_tree_of_both(tmp_path: Path) -> None:
    file = save(tmp_path / "b" / "scan 1.nii.gz")
    write_ct_series(tmp_path / "a" / "CT", np.zeros((4, 5, 6)), AFFINE)
    write_ct_series(tmp_path / "c" / "CT", np.zeros((4, 5, 6)), AFFINE)
    save(tmp_path / ".hidden" / "x.nii")
    (tmp_path / "notes.txt").write_text("no image")
    assert find_inputs(file) == [{"image": str(file), "case_id": "scan_1"}]
    assert find_inputs(tmp_path / "a" / "CT") == [{"image": str(tmp_path / "a" / "CT"), "case_id": "CT"}]
    assert find_inputs(str(tmp_path)) == [
        {"image": str(tmp_path / "a" / "CT"), "case_id": "a_CT"},
        {"image": str(file), "case_id": "scan_1"},
        {"image": str(tmp_path / "c" / "CT"), "case_id": "c_CT"},
    ]


def test_dicom_output_needs_a_dicom_series(tmp_path: Path) -> None:
    series = write_ct_series(tmp_path / "CT", np.zeros((4, 5, 6)), AFFINE)
    assert [i["case_id"] for i in find_inputs(tmp_path, dicom_output=True)] == ["CT"]
    save(tmp_path / "scan.nii.gz")
    assert len(find_inputs(tmp_path, dicom_output=False)) == 2
    message = r"scan\.nii\.gz: is not a DICOM series.*folder with the CT's DICOM slices, or leave"
    found = find_inputs(tmp_path, dicom_output=["rtstruct"])
    assert [i["case_id"] for i in found] == ["CT"], "the others go on"
    assert re.search(message, "\n".join(found.unusable))
    with pytest.raises(InputError, match=message):
        find_inputs(tmp_path / "scan.nii.gz", dicom_output=["rtstruct"])
    (tmp_path / "scan.nii.gz").unlink()
    image = pydicom.dcmread(series[2])
    del image.SOPInstanceUID
    image.save_as(series[2])
    with pytest.raises(InputError, match=r"CT\.003\.dcm: the CT slice has no SOPInstanceUID.*leave --dicom_output out"):
        find_inputs(tmp_path, dicom_output=True)


def test_names_that_stay_the_same_are_numbered(tmp_path: Path) -> None:
    for name in ("a.nii", "a.nii.gz", "x/a.nii"):
        save(tmp_path / name)
    assert [i["case_id"] for i in find_inputs(tmp_path)] == ["a", "a_2", "x_a"]


def test_results_of_an_earlier_run_are_left_out(tmp_path: Path) -> None:
    for name in ("ct.nii.gz", "ct_dose.nii.gz", "ct_segmentation.nii.gz", "other_dose.nii.gz"):
        save(tmp_path / name)
    (tmp_path / "ct_report.json").write_text("{}")
    assert [i["case_id"] for i in find_inputs(tmp_path)] == ["ct", "other_dose"]


def test_a_link_to_a_folder_above_ends(tmp_path: Path) -> None:
    save(tmp_path / "x" / "ct.nii.gz")
    (tmp_path / "x" / "up").symlink_to(tmp_path)
    assert [i["case_id"] for i in find_inputs(tmp_path)] == ["ct"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        find_inputs(tmp_path / "absent")
    with pytest.raises(InputError, match="no CT volume was found"):
        find_inputs(tmp_path)
    (tmp_path / "scan.nrrd").write_bytes(b"")
    with pytest.raises(InputError, match="not NIfTI"):
        find_inputs(tmp_path / "scan.nrrd")


def test_a_metaimage_and_a_damaged_one(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.arange(120, dtype=np.int16).reshape(4, 5, 6))
    image.SetSpacing((2.0, 3.0, 5.0))
    image.SetOrigin((-30.0, -40.0, -100.0))
    sitk.WriteImage(image, str(tmp_path / "scan 1.mha"), useCompression=True)
    assert find_inputs(tmp_path) == [{"image": str(tmp_path / "scan 1.mha"), "case_id": "scan_1"}]
    reader = CTReader()
    array, meta = reader.get_data(reader.read(tmp_path / "scan 1.mha"))
    np.testing.assert_array_equal(array, np.arange(120).reshape(4, 5, 6).transpose(2, 1, 0))
    np.testing.assert_allclose(meta["affine"], AFFINE)
    (tmp_path / "cut.mha").write_bytes((tmp_path / "scan 1.mha").read_bytes()[:-20])
    found = find_inputs(tmp_path)
    assert [i["case_id"] for i in found] == ["scan_1"]
    assert re.search(r"cut\.mha: cannot be read as a MetaImage", *found.unusable)
    whole = (tmp_path / "scan 1.mha").read_bytes()
    (tmp_path / "cut.mha").write_bytes(whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:])
    (tmp_path / "crash.mha").write_bytes(whole.replace(b"NDims = 3", b"NDims = 1e5"))
    assert re.search(r"crash\.mha.*1e5.*\n.*cut\.mha", "\n".join(find_inputs(tmp_path).unusable))
    (tmp_path / "scan 1.mha").unlink()
    with pytest.raises(InputError, match=r"2 of 2 inputs cannot be used:\n.*crash\.mha.*1e5.*\n.*cut\.mha"):
        find_inputs(tmp_path)
    for name in ("cut.mha", "crash.mha"):  # a program that does not look for inputs first, such as MONAI Label
        with pytest.raises(InputError, match=name):
            reader.read(tmp_path / name)


def test_a_flipped_bit_in_a_compressed_nifti_is_refused(tmp_path: Path) -> None:
    whole = save(tmp_path / "ct.nii.gz").read_bytes()
    reader, rng = CTReader(), np.random.default_rng(0)
    expected, _ = reader.get_data(reader.read(tmp_path / "ct.nii.gz"))
    accepted = 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
        (tmp_path / "ct.nii.gz").write_bytes(damaged)
        try:
            array, _ = reader.get_data(reader.read(tmp_path / "ct.nii.gz"))
        except InputError:
            continue
        accepted += 1
        np.testing.assert_array_equal(array, expected)
    assert accepted < 30  # the name and time of gzip's header


def test_dicom_without_ct_is_named_by_modality(tmp_path: Path, test_data_dir: Path) -> None:
    folder = test_data_dir / "pelvis_rt_dicom"
    if not folder.is_dir():
        pytest.skip(f"the real pelvic DICOM is absent: no '{folder}' (set CTAN_TEST_DATA)")
    for name in ("RS.dcm", "RD.dcm"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(InputError, match=r"no CT volume was found.*RTDOSE \(1 files\), RTSTRUCT \(1 files\)"):
        find_inputs(tmp_path)
    assert find_inputs(folder) == [{"image": str(folder / "CT"), "case_id": "CT"}]


@pytest.mark.parametrize("shape", [(6, 5, 4, 2), (6, 5), (6, 5, 1), (6, 5, 4, 1, 3)])
def test_not_one_volume(shape: tuple[int, ...], tmp_path: Path) -> None:
    file = save(tmp_path / "ct.nii.gz", shape)
    with pytest.raises(InputError, match=r"ct.nii.gz: its shape is .*expected one 3-D volume"):
        find_inputs(file)


def test_a_trailing_axis_of_one_is_dropped(tmp_path: Path) -> None:
    file = save(tmp_path / "ct.nii.gz", (6, 5, 4, 1))
    find_inputs(file)
    reader = CTReader()
    array, meta = reader.get_data(reader.read(file))
    assert array.shape == (6, 5, 4)
    assert list(meta["spatial_shape"]) == [6, 5, 4]


def test_colors_are_no_ct(tmp_path: Path) -> None:
    color = np.zeros((6, 5, 4), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(color, AFFINE), tmp_path / "rgb.nii")
    with pytest.raises(InputError, match="several channels"):
        find_inputs(tmp_path / "rgb.nii")


def test_no_orientation(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.zeros((6, 5, 4), np.int16), None)
    nib.save(image, tmp_path / "ct.nii")
    with pytest.raises(InputError, match="left and right are unknown"):
        find_inputs(tmp_path)


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
@pytest.mark.parametrize("kept", [0, 100, 400, -8])
def test_truncated_or_no_nifti(name: str, kept: int, tmp_path: Path) -> None:
    file = save(tmp_path / name, (20, 20, 20))
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(InputError, match=f"{name}: not a readable NIfTI volume"):
        find_inputs(file)
    file.write_bytes(b"this is a text, not an image" * 50)
    with pytest.raises(InputError, match=f"{name}: not a readable NIfTI volume"):
        find_inputs(file)


def test_a_sheared_nifti(tmp_path: Path) -> None:
    sheared = AFFINE.copy()
    sheared[1, 2] = 1.0
    nib.save(nib.Nifti1Image(np.zeros((6, 5, 4), np.int16), sheared), tmp_path / "ct.nii")
    with pytest.raises(InputError, match="gantry tilt"):
        find_inputs(tmp_path)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    save(tmp_path / "good.nii.gz")
    save(tmp_path / "flat.nii.gz", (6, 5))
    series = write_ct_series(tmp_path / "series", np.zeros((4, 5, 6)), AFFINE)
    series[2].unlink()
    found = find_inputs(tmp_path)
    assert [i["case_id"] for i in found] == ["good"]
    assert [len(found.unusable), "flat.nii.gz" in found.unusable[0]] == [2, True]
    assert "missing or unevenly spaced" in found.unusable[1]
    (tmp_path / "good.nii.gz").unlink()
    with pytest.raises(InputError) as caught:
        find_inputs(tmp_path)
    assert str(caught.value).splitlines() == ["2 of 2 inputs cannot be used:", *found.unusable]


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.float32, np.float64])
def test_the_reader_gives_hu_and_monais_meta_data(dtype: type, tmp_path: Path) -> None:
    """Stored value 100 with slope 2 and intercept -1024 is -824 HU."""
    image = nib.Nifti1Image(np.full((6, 5, 4), 100, dtype), AFFINE)
    image.header.set_slope_inter(2, -1024)
    path = tmp_path / "ct.nii"
    with open(path, "wb") as stream:  # nibabel's save would scale the values again
        header = image.header.copy()
        header.set_data_offset(352)
        header["magic"] = b"n+1"
        header["scl_slope"], header["scl_inter"] = 2, -1024
        stream.write(header.binaryblock + bytes(4) + np.full(120, 100, dtype).tobytes())
    reader = CTReader()
    array, meta = reader.get_data(reader.read(path))
    np.testing.assert_array_equal(array, np.full((6, 5, 4), -824.0))
    np.testing.assert_allclose(meta["affine"], AFFINE)
    np.testing.assert_allclose(meta["original_affine"], AFFINE)
    assert list(meta["spatial_shape"]) == [6, 5, 4]
    assert np.isnan(meta["original_channel_dim"])
    assert reader.verify_suffix(path)
    assert not reader.verify_suffix("scan.nrrd")


def test_a_series_has_the_same_meta_data(tmp_path: Path) -> None:
    hu = np.random.default_rng(0).integers(-1000, 1000, (6, 5, 4))
    write_ct_series(tmp_path / "CT", hu, AFFINE)
    reader = CTReader()
    array, meta = reader.get_data(reader.read(tmp_path / "CT"))
    np.testing.assert_array_equal(array, hu)
    for key in ("affine", "original_affine"):
        np.testing.assert_allclose(meta[key], AFFINE)
    assert list(meta["spatial_shape"]) == [6, 5, 4]
    assert np.isnan(meta["original_channel_dim"])
    assert reader.verify_suffix(tmp_path / "CT")


def test_voxels_that_are_no_numbers(tmp_path: Path) -> None:
    array = np.zeros((6, 5, 4), np.float32)
    array[0, 0, :3] = np.nan
    nib.save(nib.Nifti1Image(array, AFFINE), tmp_path / "ct.nii.gz")
    reader = CTReader()
    with pytest.raises(InputError, match=r"ct.nii.gz: 3 voxels are NaN or infinite"):
        reader.get_data(reader.read(tmp_path / "ct.nii.gz"))


def test_gzip_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "ct.nii.gz").write_bytes(gzip.compress(b"nothing"))
    with pytest.raises(InputError, match="not a readable NIfTI volume"):
        find_inputs(tmp_path / "ct.nii.gz")
