# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.data import MetaTensor, NibabelReader
from monai.transforms import MapTransform, ResampleToMatch

from ctan_monai.errors import InputError


class LoadTargetsd(MapTransform):
    """Loads the prescribed dose of each voxel and brings it onto the CT's grid.

    Args:
        keys: path of a NIfTI volume, Gy: the prescribed dose in the targets, 0 elsewhere.
        image_key: the CT on the network's grid, a MetaTensor (1, X, Y, Z).

    Raises:
        InputError: an item has no targets, or they do not reach into the CT's field.
    """

    def __init__(self, keys: KeysCollection, image_key: str = "image") -> None:
        super().__init__(keys)
        self.image_key = image_key
        self.reader = NibabelReader()
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
            array, meta = self.reader.get_data(self.reader.read(str(d[key])))
            prescribed = MetaTensor.ensure_torch_and_prune_meta(np.asarray(array, np.float32)[None], meta)
            targets = self.resampler(prescribed, img_dst=d[self.image_key])
            if not bool((targets > 0).any()):
                raise InputError(
                    f"{d[key]}: no target lies within the CT's field. Are these the targets of this patient?"
                )
            d[key] = targets
        return d
