# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Targets beside a CT or given: where they are looked for, where they lie, and what is refused."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch
from dicom_cases import POSITIONS, SHAPE, affine_of, write_ct
from monai.transforms import Compose, EnsureChannelFirstd, Orientationd

from ctan_monai.dicom import DicomSource, mask_outlines, write_rtstruct
from ctan_monai.inference import find_inputs
from ctan_monai.transforms import LoadImageCTd, LoadTargetsd
from ctan_monai.transforms.read_targets import read_targets
from ctan_monai.utils.errors import InputError

LPS_LABELS = (("L", "R"), ("P", "A"), ("I", "S"))


def masks(affine: np.ndarray) -> dict[str, np.ndarray]:
    """PTV70 in the patient's left, anterior, upper part; PTV56 around it, and a tail to the right and to the feet."""
    points = nib.affines.apply_affine(affine, np.moveaxis(np.indices(SHAPE), 0, -1)) * [-1, 1, 1]  # left, front, head
    low, high = points.min(axis=(0, 1, 2)), points.max(axis=(0, 1, 2))
    x, y, z = np.moveaxis((points - low) / (high - low), -1, 0)
    core = (x > 0.6) & (x < 0.9) & (y > 0.6) & (y < 0.9) & (z > 0.5) & (z < 0.9)
    tail = (x > 0.2) & (x < 0.9) & (y > 0.4) & (y < 0.9) & (z > 0.15) & (z < 0.9)
    return {"PTV56": tail, "PTV70": core}


def save(path: Path, array: np.ndarray, affine: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array.astype(np.uint8), affine), path)
    return path


def structure_set(path: Path, source: DicomSource, shapes: dict[str, np.ndarray]) -> None:
    write_rtstruct(path, source, {name: mask_outlines(mask, source.affine) for name, mask in shapes.items()})


def network_targets(item: dict[str, str]) -> torch.Tensor:
    """As the network gets them: axes to the left, the back and the head."""
    load = Compose(
        [
            LoadImageCTd("image"),
            EnsureChannelFirstd("image"),
            Orientationd("image", axcodes="LPS", labels=LPS_LABELS),
            LoadTargetsd("targets"),
        ]
    )
    return load(item)["targets"].as_tensor()[0]


@pytest.mark.parametrize("position", POSITIONS)
def test_masks_and_structure_set_give_the_same_volume_at_its_place(position: str, tmp_path: Path) -> None:
    source = write_ct(tmp_path / "CT", position)
    shapes = masks(source.affine)
    structure_set(tmp_path / "CT" / "RS.dcm", source, shapes)
    for name, mask in shapes.items():  # on a grid whose axes run the other way
        flipped = source.affine.copy()
        flipped[:3, 3] += flipped[:3, 0] * (SHAPE[0] - 1)
        flipped[:3, 0] *= -1
        save(tmp_path / "masks" / f"{name}.nii.gz", mask[::-1], flipped)
    (by_structures,) = find_inputs(tmp_path / "CT", targets=True)
    assert by_structures["targets"] == str(tmp_path / "CT" / "RS.dcm")
    (by_masks,) = find_inputs(tmp_path / "CT", targets=True, targets_from=tmp_path / "masks")
    found = network_targets(by_structures)
    torch.testing.assert_close(network_targets(by_masks), found, atol=0, rtol=0)
    assert found.unique().tolist() == [0, 56, 70], "the highest where they overlap"

    assert int((found == 70).sum()) == int(shapes["PTV70"].sum()) > 0
    assert int((found > 0).sum()) == int(shapes["PTV56"].sum())
    center = torch.nonzero(found == 70).double().mean(dim=0)
    tail = torch.nonzero(found == 56).double().mean(dim=0)
    assert center[0] > tail[0], "left"
    assert center[1] < tail[1], "anterior"
    assert center[2] > tail[2], "towards the head"
    middle = (torch.tensor(found.shape) - 1) / 2
    assert center[0] > middle[0]
    assert center[1] < middle[1]
    assert center[2] > middle[2]


def test_masks_of_a_finer_grid_and_a_volume_of_gray_lie_where_they_are(tmp_path: Path) -> None:
    affine = affine_of("HFS")
    ct = save(tmp_path / "ct.nii.gz", np.zeros(SHAPE), affine)
    mask = masks(affine)["PTV70"]
    finer = affine @ np.diag([0.5, 0.5, 0.5, 1.0])
    finer[:3, 3] = affine[:3, 3] - 0.25 * affine[:3, :3].sum(axis=1)
    save(tmp_path / "targets" / "PTV70.nii.gz", mask.repeat(2, 0).repeat(2, 1).repeat(2, 2), finer)
    gray = save(tmp_path / "gray.nii.gz", mask * 70, affine)
    (beside,) = find_inputs(ct, targets=True)
    (given,) = find_inputs(ct, targets=True, targets_from=gray)
    torch.testing.assert_close(network_targets(beside), network_targets(given))
    assert int((network_targets(given) == 70).sum()) == int(mask.sum())


def test_where_targets_are_looked_for(tmp_path: Path) -> None:
    affine = affine_of("HFS")
    mask = masks(affine)["PTV70"]
    for case in ("a", "b"):
        save(tmp_path / "cts" / f"{case}.nii.gz", np.zeros(SHAPE), affine)
        save(tmp_path / "cts" / f"{case}_targets" / "PTV70.nii.gz", mask, affine)
        save(tmp_path / "elsewhere" / case / "high.nii", mask, affine)
    items = find_inputs(tmp_path / "cts", targets=True)
    assert [(i["case_id"], Path(i["targets"]).name) for i in items] == [("a", "a_targets"), ("b", "b_targets")]
    assert [i["case_id"] for i in find_inputs(tmp_path / "cts")] == ["a", "b"], (
        "masks are not CTs without targets either"
    )
    items = find_inputs(tmp_path / "cts", targets=True, targets_from=tmp_path / "elsewhere", target_doses="HIGH=66")
    assert [Path(i["targets"]).name for i in items] == ["a", "b"]
    assert network_targets(items[1]).max() == 66

    shutil.rmtree(tmp_path / "cts" / "b_targets")
    items = find_inputs(tmp_path / "cts", targets=True)
    assert [i["case_id"] for i in items] == ["a"], "the others go on"
    without = r"b\.nii\.gz: the network was trained with targets, but there are none beside"
    assert re.search(without, *items.unusable)
    with pytest.raises(InputError, match=without):
        find_inputs(tmp_path / "cts" / "b.nii.gz", targets=True)
    with pytest.raises(InputError, match=r"a_targets: would be the targets of several CTs \(a, b\)"):
        find_inputs(tmp_path / "cts", targets=True, targets_from=tmp_path / "cts" / "a_targets")
    with pytest.raises(InputError, match="absent: no such file"):
        find_inputs(tmp_path / "cts", targets=True, targets_from=tmp_path / "absent")
    with pytest.raises(InputError, match="the network was trained on CT alone"):
        find_inputs(tmp_path / "cts", targets_from=tmp_path / "elsewhere")


def test_a_cts_folder_named_targets_is_a_ct(tmp_path: Path) -> None:
    write_ct(tmp_path / "targets")
    assert [i["case_id"] for i in find_inputs(tmp_path)] == ["targets"]


def test_the_structure_set_in_the_frame_of_reference_is_taken(tmp_path: Path) -> None:
    source = write_ct(tmp_path / "CT")
    shapes = masks(source.affine)
    structure_set(tmp_path / "CT" / "RS1.dcm", source, shapes)
    structure_set(tmp_path / "CT" / "RS2.dcm", write_ct(tmp_path / "other"), shapes)
    shutil.copy(tmp_path / "CT" / "RS2.dcm", tmp_path / "RS2.dcm")
    (item,) = find_inputs(tmp_path / "CT", targets=True)
    assert Path(item["targets"]).name == "RS1.dcm"
    with pytest.raises(InputError, match=r"RS2\.dcm: its structures lie in the frame of reference"):
        find_inputs(tmp_path / "CT", targets=True, targets_from=tmp_path / "RS2.dcm")
    shutil.copy(tmp_path / "CT" / "RS1.dcm", tmp_path / "CT" / "RS3.dcm")
    with pytest.raises(InputError, match=r"there are 2 structure sets in the frame.*found RS1\.dcm, RS3\.dcm"):
        find_inputs(tmp_path / "CT", targets=True)
    ct = save(tmp_path / "ct.nii.gz", np.zeros(SHAPE), source.affine)
    with pytest.raises(InputError, match=r"RS1\.dcm: a structure set needs the DICOM CT series"):
        find_inputs(ct, targets=True, targets_from=tmp_path / "CT" / "RS1.dcm")


def test_targets_outside_the_ct_or_empty(tmp_path: Path) -> None:
    source = write_ct(tmp_path / "CT")
    path = tmp_path / "CT" / "RS.dcm"
    structure_set(path, source, {**masks(source.affine), "PTV63": np.zeros(SHAPE, bool)})
    read_targets(path, tmp_path / "CT")  # one without contours is left out, unless it is asked for
    with pytest.raises(InputError, match=r"RS\.dcm: the target 'PTV63' has no contours"):
        read_targets(path, tmp_path / "CT", "PTV63=63")
    dataset = pydicom.dcmread(path)
    for contour in dataset.ROIContourSequence[0].ContourSequence:
        contour.ContourData = (
            (np.reshape(contour.ContourData, (-1, 3)).astype(float) + np.array([500, 0, 0])).ravel().tolist()
        )
    dataset.save_as(path)
    with pytest.raises(InputError, match=r"RS\.dcm: the target 'PTV56' lies wholly outside the CT"):
        find_inputs(tmp_path / "CT", targets=True)
    shifted = source.affine.copy()
    shifted[0, 3] += 500
    mask = masks(source.affine)["PTV70"]
    file = save(tmp_path / "m" / "PTV70.nii.gz", mask, shifted)
    with pytest.raises(InputError, match=r"PTV70\.nii\.gz: the target lies wholly outside the CT"):
        find_inputs(tmp_path / "CT", targets=True, targets_from=tmp_path / "m")
    save(file, mask & False, source.affine)
    with pytest.raises(InputError, match=r"PTV70\.nii\.gz: the target is empty"):
        find_inputs(tmp_path / "CT", targets=True, targets_from=tmp_path / "m")
    file.write_bytes(b"no NIfTI")
    with pytest.raises(InputError, match=r"PTV70\.nii\.gz: not a readable NIfTI"):
        find_inputs(tmp_path / "CT", targets=True, targets_from=tmp_path / "m")


def test_a_mask_is_not_taken_for_a_volume_of_gray(tmp_path: Path) -> None:
    affine = affine_of("HFS")
    ct = save(tmp_path / "ct.nii.gz", np.zeros(SHAPE), affine)
    mask = save(tmp_path / "PTV70.nii.gz", masks(affine)["PTV70"], affine)
    with pytest.raises(InputError, match=r"PTV70\.nii\.gz: its values, but for 0, are 1 to 1; expected the prescribed"):
        find_inputs(ct, targets=True, targets_from=mask)


@pytest.mark.parametrize("place", ["RS.dcm", "RTSTRUCT/1.2.3"])
def test_a_structure_set_beside_the_series_folder_by_its_frame(place: str, tmp_path: Path) -> None:
    """As a PACS exports a patient, with another series' structure set; one of another frame alone is none."""
    source, other = (write_ct(tmp_path / "patient" / name, "HFS") for name in ("CT", "other"))
    (tmp_path / "patient" / place).parent.mkdir(exist_ok=True)
    structure_set(tmp_path / "patient" / "elsewhere.dcm", other, masks(other.affine))
    with pytest.raises(InputError, match="there are none beside the CT"):
        find_inputs(tmp_path / "patient" / "CT", targets=True)
    structure_set(tmp_path / "patient" / place, source, masks(source.affine))
    (item,) = find_inputs(tmp_path / "patient" / "CT", targets=True)
    assert item["targets"] == str(tmp_path / "patient" / place)
