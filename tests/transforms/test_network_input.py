# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Targets, neighboring slices and position as inputs of the network: the same from a volume and slice by slice."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import pytest
import torch
from monai.data import MetaTensor

from ctan_monai.data import expand_slices
from ctan_monai.transforms import LoadAxialSliced, NetworkInputd, channel_names, input_channels
from ctan_monai.transforms.network_input import slice_offsets

WINDOWS = [[-100, 100], [0, 1000]]
CONTEXT = [-7.5, -2.5, 2.5, 7.5]
ALL = {"targets": True, "context": CONTEXT, "position": True}


def volume(spacing: float) -> dict[str, MetaTensor]:
    """CT, targets and body of 12 slices, all different; body in slices 2 to 10."""
    draw = torch.Generator().manual_seed(0)
    affine = torch.diag(torch.tensor([2.0, 2.0, spacing, 1.0], dtype=torch.float64))
    body = torch.zeros(1, 4, 5, 12)
    body[..., 2:11] = 1
    return {
        "image": MetaTensor(torch.randint(-200, 1200, (1, 4, 5, 12), generator=draw).float(), affine=affine),
        "targets": MetaTensor(70 * torch.rand(1, 4, 5, 12, generator=draw), affine=affine),
        "body": MetaTensor(body, affine=affine),
    }


@pytest.mark.parametrize(("spacing", "expected"), [(2.5, [-3, -1, 1, 3]), (5.0, [-2, -1, 1, 2]), (1.0, [-8, -2, 2, 8])])
def test_distances_mean_the_same_at_any_spacing(spacing: float, expected: list[int]) -> None:
    assert slice_offsets(CONTEXT, spacing) == expected


def test_a_distance_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 mm"):
        slice_offsets([0, 2.5], 2.5)


def test_channels_by_hand() -> None:
    data = volume(2.5)
    ct, targets = (data[k][0].as_tensor() for k in ("image", "targets"))
    found = NetworkInputd("image", WINDOWS, dose_scale=70.0, **ALL)(data)["image"]
    assert found.shape == (input_channels(WINDOWS, **ALL), 4, 5, 12) and input_channels(WINDOWS, **ALL) == 12
    z = 5
    window = ((ct + 100) / 200).clamp(0, 1)
    expected = [window[..., z], (ct[..., z] / 1000).clamp(0, 1), targets[..., z] / 70]
    for neighbor in (2, 4, 6, 8):
        expected += [window[..., neighbor], targets[..., neighbor] / 70]
    expected.append(torch.full((4, 5), 3 / 8))  # slice 5 of the body's 2 to 10
    torch.testing.assert_close(found[..., z].as_tensor(), torch.stack(expected))
    torch.testing.assert_close(found[3, ..., 0].as_tensor(), window[..., 0])  # beyond the end: the end's slice
    assert found[-1, 0, 0, 0] == 0 and found[-1, 0, 0, 11] == 1
    names = channel_names(WINDOWS, **ALL)
    assert [name.partition(",")[0].partition(" /")[0] for name in names[:4]] == [
        "CT", "CT", "prescribed dose", "CT of the slice at -7.5 mm"
    ]  # fmt: skip
    assert names[4].endswith("at -7.5 mm") and names[9].startswith("CT of the slice at +7.5 mm")
    assert len(names) == 12 and names[-1].startswith("position")
    assert [len(channel_names(WINDOWS, **{key: ALL[key]})) for key in ALL] == [
        input_channels(WINDOWS, **{key: ALL[key]}) for key in ALL
    ]


@pytest.mark.parametrize("options", [{}, {"context": CONTEXT}, {"targets": True}, {"position": True}, ALL])
@pytest.mark.parametrize("spacing", [2.5, 4.0])
def test_a_training_slice_is_the_volumes(options: dict, spacing: float, tmp_path: Path) -> None:
    data = volume(spacing)
    paths = {}
    for key in ("image", "targets"):
        paths[key] = str(tmp_path / f"{key}.nii")
        nib.save(nib.Nifti1Image(data[key][0].numpy(), data[key].affine.numpy()), paths[key])
    items = expand_slices([{**paths, "spacing": [2.0, 2.0, spacing], "body_slices": list(range(2, 11))}])
    whole = NetworkInputd("image", WINDOWS, **options)(data)["image"]
    load = LoadAxialSliced(["image", "targets"], context=options.get("context", ()))
    for item in items:
        slab = load(item)
        assert slab["image"].shape[0] == 1 + len(options.get("context", ()))
        found = NetworkInputd("image", WINDOWS, **options)(slab)["image"]
        torch.testing.assert_close(found, whole[..., item["slice_index"]].as_tensor())


def test_windows_alone_are_the_input_of_before() -> None:
    data = volume(2.5)
    found = NetworkInputd("image", WINDOWS)(data)["image"]
    assert found.shape[0] == input_channels(WINDOWS) == 2
    assert isinstance(found, MetaTensor) and torch.equal(found.affine, data["image"].affine)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="4 neighbors"):
        NetworkInputd("image", WINDOWS, context=CONTEXT)({"image": torch.zeros(3, 4, 4)})
    with pytest.raises(KeyError, match="targets"):
        NetworkInputd("image", WINDOWS, targets=True)({"image": torch.zeros(1, 4, 4)})
    with pytest.raises(ValueError, match="low < high"):
        NetworkInputd("image", [[5, 5]])
