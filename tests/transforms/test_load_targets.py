# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The prescribed dose on the CT's grid."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from ctan_monai.transforms import LoadTargetsd
from ctan_monai.utils.errors import InputError


def ct(file: str, offset: float = 0.0) -> MetaTensor:
    """4 mm voxels; the file's are 2 mm. The CT that it is made of has the targets' grid."""
    affine = torch.diag(torch.tensor([4.0, 4.0, 4.0, 1.0], dtype=torch.float64))
    affine[0, 3] = offset
    return MetaTensor(torch.zeros(1, 6, 6, 6), affine=affine, meta={"filename_or_obj": file})


@pytest.fixture
def file(tmp_path: Path) -> str:
    """70 Gy in x of 8 to 15 mm, 56 Gy in 16 to 19 mm; the x axis of the file runs the other way."""
    dose = np.zeros((12, 12, 12), np.uint8)
    dose[4:8] = 70
    dose[8:10] = 56
    affine = np.diag([-2.0, 2.0, 2.0, 1.0])
    affine[0, 3] = 22.0
    path = tmp_path / "targets.nii.gz"
    nib.save(nib.Nifti1Image(dose[::-1], affine), path)
    return str(path)


def test_targets_lie_where_they_are_and_keep_their_doses(file: str) -> None:
    found = LoadTargetsd("targets")({"image": ct(file), "targets": file})["targets"]
    assert found.shape == (1, 6, 6, 6)
    assert found[0, :, 2, 2].tolist() == [0, 0, 70, 70, 56, 0]


def test_none_given_or_none_in_the_field_is_refused(file: str) -> None:
    with pytest.raises(InputError, match="pt_1: the network was trained with targets"):
        LoadTargetsd("targets")({"image": ct(file), "case_id": "pt_1"})
    with pytest.raises(InputError, match="no target lies within"):
        LoadTargetsd("targets")({"image": ct(file, offset=500.0), "targets": file})
