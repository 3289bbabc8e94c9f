# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, ResampleToMatch
from monai.utils import ImageMetaKey

from ctan_monai.utils.errors import InputError

from .read_targets import read_targets

TARGETS_FILE = "targets_file"


class LoadTargetsd(MapTransform):
    """Loads the prescribed dose of each voxel and brings it onto the CT's grid.

    Args:
        keys: path of a NIfTI volume, Gy: the prescribed dose in the targets, 0 elsewhere; of a folder of NIfTI masks;
            or of a structure set, for which the CT is a DICOM series.
        image_key: the CT on the network's grid, a MetaTensor (1, X, Y, Z); its meta data name the CT's file or
            folder.
        doses_key: Gy by the targets' names; may be missing, see
            :py:func:`ctan_monai.transforms.read_targets.read_targets`.

    The path stays in the item as "targets_file".

    Raises:
        InputError: an item has no targets, or they cannot be used or do not reach into the network's field.
    """

    def __init__(self, keys: KeysCollection, image_key: str = "image", doses_key: str = "target_doses") -> None:
        super().__init__(keys)
        self.image_key = image_key
        self.doses_key = doses_key
        # the nearest voxel: between 70 Gy and none there is no prescription of 35 Gy
        self.resampler = ResampleToMatch(mode="nearest", padding_mode="zeros")

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace each path by the prescribed dose on the CT's grid, (1, X, Y, Z) in Gy."""
        d = dict(data)
        for key in self.keys:
            if key not in d:
                raise InputError(
                    f"{d.get('case_id', 'this case')}: the network was trained with targets, but none are given. Give "
                    "their masks or structure set, or use a network for CT alone."
                )
            image = d[self.image_key]
            targets = torch.zeros_like(image)
            for target in read_targets(d[key], image.meta[ImageMetaKey.FILENAME_OR_OBJ], d.get(self.doses_key)):
                prescribed = MetaTensor(torch.as_tensor(target.gray[None]), affine=torch.as_tensor(target.affine))
                targets = torch.maximum(targets, self.resampler(prescribed, img_dst=image))
            if not bool((targets > 0).any()):
                raise InputError(
                    f"{d[key]}: no target lies within the network's field. Are these the targets of this patient?"
                )
            d[TARGETS_FILE], d[key] = str(d[key]), targets
        return d
