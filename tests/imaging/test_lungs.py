# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from monai.data import MetaTensor

from ctan_monai.imaging import find_lungs
from ctan_monai.imaging.lung_volume import lung_volume
from ctan_monai.phantoms import make_stoic_patients, make_stoic_volume
from ctan_monai.transforms import CropToLungsd, LoadLungSlicesd, SelectLungSlicesd, slice_indices
from ctan_monai.utils import DataError, InputError

SETTINGS = {"size": (32, 24), "spacing": (8.0, 8.0, 10.0), "window": (-1100, 300)}


def chest(shape: tuple[int, int, int] = (40, 40, 30)) -> np.ndarray:
    """A body of water (10 mm voxels) with two lungs of 8 x 12 x 16 voxels (1.5 l each)."""
    hu = np.full(shape, -1000.0)
    hu[4:36, 8:34] = 0
    for x in (8, 24):
        hu[x : x + 8, 14:26, 6:22] = -850
    return hu


def image(hu: np.ndarray, spacing: tuple[float, ...] = (10.0, 10.0, 10.0)) -> sitk.Image:
    result = sitk.GetImageFromArray(hu.astype(np.int16).transpose(2, 1, 0))
    result.SetSpacing(spacing)
    return result


def test_the_box_of_both_lungs() -> None:
    lungs = find_lungs(chest(), voxel_ml=1.0)
    assert lungs.box == ((8, 32), (14, 26), (6, 22))
    assert (lungs.found, lungs.cut) == ("lungs", ())


def test_bowel_gas_trachea_and_couch_are_no_lungs() -> None:
    hu = chest()
    hu[10:30, 10:30, 0:5] = -1000  # gas, as large as a lung
    hu[19:21, 18:20, 6:30] = -1000  # trachea, alone in the slices above
    hu[4:36, 36:38] = -900  # foam of the couch
    assert find_lungs(hu, 1.0).box == ((8, 32), (14, 26), (6, 22))


def test_one_lung_without_air() -> None:
    hu = chest()
    hu[8:16, 14:26, 6:22] = 20
    assert find_lungs(hu, 1.0).box == ((24, 32), (14, 26), (6, 22))


def test_lungs_cut_off_by_the_field_of_view() -> None:
    hu = chest()[10:30, 16:24]  # both lungs reach the border in x and y
    lungs = find_lungs(hu, 1.0)
    assert lungs.found == "cut lungs"
    assert lungs.box == ((0, 20), (0, 8), (6, 22))


def test_lungs_cut_off_at_the_ends() -> None:
    assert find_lungs(chest()[:, :, :15], 1.0).cut == ("last",)
    assert find_lungs(chest()[:, :, 8:20], 1.0).cut == ("first", "last")


def test_without_lungs_the_body_is_taken() -> None:
    hu = chest()
    hu[hu == -850] = 0
    lungs = find_lungs(hu, 1.0)
    assert (lungs.found, lungs.box) == ("body", ((4, 36), (8, 34), (0, 30)))
    nothing = find_lungs(np.full((4, 5, 6), -1000.0), 1.0)
    assert (nothing.found, nothing.box) == ("body", ((0, 4), (0, 5), (0, 6)))
    result = lung_volume(image(hu), **SETTINGS, name="x")
    assert result.found == "body" and "No lungs were found" in result.warnings[0]
    assert result.unusable_because == result.warnings[0]
    assert lung_volume(image(chest()), **SETTINGS, name="x").unusable_because == ""


def test_a_real_abdomen_has_no_lungs(test_data_dir: Path) -> None:
    """Its bowel gas (medians of -963 and -973 HU at 3 mm) is more than its two lung bases (122 ml)."""
    path = test_data_dir / "totalseg_ct_nifti" / "example_ct.nii.gz"
    if not path.is_file():
        pytest.skip(f"the real CT is absent: no '{path}' (set CTAN_TEST_DATA)")
    result = lung_volume(sitk.ReadImage(str(path)), **SETTINGS, name="x")
    assert result.found == "body"


def test_values_grid_and_window() -> None:
    hu = chest()
    hu[20, 20, 14] = 1000
    result = lung_volume(image(hu, (8.0, 8.0, 10.0)), (32, 24), (8.0, 8.0, 10.0), (-1100, 300), "x")
    assert result.values.shape == (32, 24, 16) and result.values.dtype == np.uint8
    # the box's center, (20, 20) in voxels, is that of the field: it starts at 4 and 8
    expected = np.rint((np.clip(hu[4:36, 8:32, 6:22], -1100, 300) + 1100) * 255 / 1400)
    np.testing.assert_array_equal(result.values, expected)
    np.testing.assert_allclose(result.affine[:3, 3], [-8.0 * 4, -8.0 * 8, 10.0 * 6])
    assert nib.aff2axcodes(result.affine) == ("L", "P", "S")


def test_the_field_stays_inside_the_image_and_air_is_outside_it() -> None:
    hu = chest()
    result = lung_volume(image(hu[6:]), (34, 48), (10.0, 10.0, 10.0), (-1100, 300), "x")
    # x: the image has just 34 voxels; y: 40 of 48, so 4 of air on each side
    air = round((-1024 + 1100) * 255 / 1400)
    assert (result.values[:, :4] == air).all() and (result.values[:, -4:] == air).all()
    np.testing.assert_array_equal(result.values[:, 4:-4, 0], np.rint((hu[6:, :, 6] + 1100) * 255 / 1400))


def test_fine_voxels_are_averaged() -> None:
    """A checkerboard of +-200 HU in 5 mm voxels must vanish at 10 mm."""
    fine = np.repeat(np.repeat(np.repeat(chest(), 2, 0), 2, 1), 2, 2)
    parity = np.indices(fine.shape).sum(0) % 2 * 400 - 200
    plain, noisy = (
        lung_volume(image(f, (5.0, 5.0, 5.0)), (32, 24), (10.0, 10.0, 10.0), (-1100, 300), "x").values.astype(int)
        for f in (fine, np.where(fine > -1000, fine + parity, fine))
    )
    assert np.abs(plain - noisy).max() <= 1


@pytest.mark.parametrize("code", ["RAS", "LAI", "PIR"])
def test_orientation_of_the_file_does_not_matter(code: str) -> None:
    patient = make_stoic_patients(10)[0]
    volume = make_stoic_volume(patient)
    expected = lung_volume(volume, (48, 48), (7.0, 7.0, 10.0), (-1100, 300), "x")
    found = lung_volume(sitk.DICOMOrient(volume, code), (48, 48), (7.0, 7.0, 10.0), (-1100, 300), "x")
    assert (np.abs(found.values.astype(int) - expected.values) <= 1).all()
    np.testing.assert_allclose(found.affine, expected.affine, atol=1e-3)


def test_the_transform_equals_the_function() -> None:
    hu = chest()
    affine = np.diag([-10.0, -10.0, 10.0, 1.0])
    data = {"image": MetaTensor(torch.from_numpy(hu), affine=torch.from_numpy(affine))}
    data["image"].meta["filename_or_obj"] = "ct.nii"
    result = CropToLungsd("image", **SETTINGS)(data)
    expected = lung_volume(image(hu), **SETTINGS, name="x")
    np.testing.assert_array_equal(result["image"][0].numpy(), expected.values)
    np.testing.assert_allclose(result["image"].affine.numpy(), expected.affine)
    assert (result["found"], result["warnings"], result["source"]) == ("lungs", "", "ct.nii")


@pytest.mark.parametrize("hu, text", [(chest() + 1024, "from 24 to 1024"), (chest() * 0, "from 0 to 0")])
def test_values_that_are_no_hu(hu: np.ndarray, text: str) -> None:
    with pytest.raises(InputError, match=rf"scan.mha: the values go {text}; expected HU with air near -1000.*offset"):
        lung_volume(image(hu), **SETTINGS, name="scan.mha")


def test_slice_indices() -> None:
    assert slice_indices(32, 4).tolist() == [4, 12, 20, 28]
    assert slice_indices(32, 4, 0.999).tolist() == [7, 15, 23, 31]
    assert slice_indices(2, 4).tolist() == [0, 0, 1, 1]
    seen = {i for phase in np.linspace(0, 0.999, 50) for i in slice_indices(40, 16, phase)}
    assert seen == set(range(40))


def prepared(tmp_path: Path, dtype: type = np.uint8) -> Path:
    path = tmp_path / "1.nii"
    array = np.arange(12, dtype=dtype)[None, None] * 20 + np.zeros((6, 5, 1), dtype)
    nib.save(nib.Nifti1Image(array, np.eye(4)), path)
    return path


def test_loading_reads_k_slices(tmp_path: Path) -> None:
    item = {"image": str(prepared(tmp_path)), "covid": 1}
    loaded = LoadLungSlicesd("image", 3, (6, 5))(item)
    assert loaded["image"].shape == (3, 6, 5) and loaded["image"].dtype == torch.float32
    torch.testing.assert_close(loaded["image"][:, 0, 0], torch.tensor([40.0, 120.0, 200.0]) / 255)
    volume = {"image": torch.from_numpy(np.asarray(nib.load(item["image"]).dataobj))[None]}
    torch.testing.assert_close(SelectLungSlicesd("image", 3)(volume)["image"], loaded["image"])


def test_the_random_phase_is_seeded_and_reaches_all_slices(tmp_path: Path) -> None:
    item = {"image": str(prepared(tmp_path))}
    load = LoadLungSlicesd("image", 3, (6, 5), random_phase=True)
    load.set_random_state(0)
    first = [tuple((load(item)["image"][:, 0, 0] * 255 / 20).round().int().tolist()) for _ in range(40)]
    load.set_random_state(0)
    assert tuple((load(item)["image"][:, 0, 0] * 255 / 20).round().int().tolist()) == first[0]
    assert set(first) == {(0, 4, 8), (1, 5, 9), (2, 6, 10), (3, 7, 11)}


def test_volumes_of_another_size_or_type(tmp_path: Path) -> None:
    path = str(prepared(tmp_path))
    with pytest.raises(DataError, match=r"1.nii: holds uint8 of shape \(6, 5, 12\), expected .*--image_size '\[6,5\]'"):
        LoadLungSlicesd("image", 3, (8, 8))({"image": path})
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match="holds int16"):
        LoadLungSlicesd("image", 3, (6, 5))({"image": str(prepared(tmp_path / "other", np.int16))})
