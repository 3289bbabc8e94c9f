# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor

from ctan_monai.transforms import RemoveFragmentsd


def organs() -> torch.Tensor:
    labels = torch.zeros(1, 20, 8, 8)
    labels[0, 0:5, 0:4, 0:4] = 1  # 80 voxels
    labels[0, 18:20, 0:2, 0:2] = 1  # 8 voxels, a tenth of it
    labels[0, 12, 7, 7] = 1  # 1 voxel
    labels[0, 12, 6, 6] = 2  # touches that voxel by a corner, but is another organ: its only piece
    return labels


def test_pieces_smaller_than_the_fraction_of_the_largest_go() -> None:
    labels = organs()
    cleaned = RemoveFragmentsd("pred", 0.1)({"pred": labels})["pred"]
    assert (cleaned == 1).sum() == 88, "a tenth is not smaller than a tenth"
    assert cleaned[0, 12, 7, 7] == 0
    assert cleaned[0, 12, 6, 6] == 2
    assert (RemoveFragmentsd("pred", 0.11)({"pred": labels})["pred"] == 1).sum() == 80
    assert labels.equal(organs()), "the input is left as it was"


def test_pieces_that_touch_by_a_corner_are_one() -> None:
    labels = torch.zeros(1, 4, 4, 4)
    labels[0, :2, :2, :2] = 3
    labels[0, 2, 2, 2] = 3
    assert RemoveFragmentsd("pred", 1.0)({"pred": labels})["pred"].equal(labels)


def test_the_world_stays_and_zero_removes_nothing() -> None:
    affine = torch.diag(torch.tensor([2.0, 2.0, 3.0, 1.0], dtype=torch.float64))
    cleaned = RemoveFragmentsd("pred", 0.1)({"pred": MetaTensor(organs(), affine=affine)})["pred"]
    assert cleaned.affine.equal(affine)
    assert RemoveFragmentsd("pred", 0)({"pred": organs()})["pred"].equal(organs())
    assert RemoveFragmentsd("pred", 0.1, allow_missing_keys=True)({"dose": 1}) == {"dose": 1}


def test_arguments() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        RemoveFragmentsd("pred", 10)
    with pytest.raises(ValueError, match=r"label map \(1, X, Y, Z\)"):
        RemoveFragmentsd("pred", 0.1)({"pred": torch.zeros(5, 4, 4, 4)})
