# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Air outside the patient."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from scipy import ndimage

from ctan_monai.imaging.body import body_mask

__all__ = ["MaskBodyd"]


class MaskBodyd(MapTransform):
    """Sets what lies outside the body to air, as in the training CTs, and keeps the body's mask.

    The CT keeps one more voxel around each slice's body: there the skin is mixed with air, and the training CTs
    have it too.

    Args:
        keys: the CT, a MetaTensor (1, x, y, z) in HU with axial slices ``[..., z]``.
        body_key: receives the mask, uint8, with the CT's meta data and transform trace.
        outside: HU given to voxels outside the body.
    """

    def __init__(self, keys: KeysCollection, body_key: str = "body", outside: float = -1024.0) -> None:
        super().__init__(keys)
        if len(self.keys) != 1:
            raise ValueError(f"MaskBodyd takes one key, the CT; got {self.keys}.")
        self.body_key = body_key
        self.outside = outside

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Mask the CT and add its body mask; without a body, all becomes air."""
        d = dict(data)
        for key in self.key_iterator(d):
            image = d[key]
            body = body_mask(image[0].as_tensor().cpu().numpy())
            kept = ndimage.binary_dilation(body, np.ones((3, 3, 1), bool))
            d[key] = torch.where(torch.from_numpy(kept).to(image.device)[None], image, self.outside)
            mask = torch.from_numpy(body.astype(np.uint8)).to(image.device)[None]
            d[self.body_key] = MetaTensor(mask).copy_meta_from(image)
        return d
