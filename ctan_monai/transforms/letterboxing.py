# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A photograph on the network's grid."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import InvertibleTransform, MapTransform
from PIL import Image

from ctan_monai.imaging.letterbox import content_box, letterbox, undo_letterbox

__all__ = ["Letterboxd"]


class Letterboxd(MapTransform, InvertibleTransform):
    """:py:func:`ctan_monai.imaging.letterbox.letterbox` of an image that is given to inference, as preparing does it.

    The inverse is for maps.

    Args:
        keys: uint8-valued MetaTensors (3, H, W).
        size: height and width of the network's grid.
        allow_missing_keys: do not raise where one of the keys is missing.
    """

    def __init__(self, keys: KeysCollection, size: Sequence[int], allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.size = (int(size[0]), int(size[1]))

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Fit and pad."""
        d = dict(data)
        for key in self.key_iterator(d):
            image = d[key]
            box = content_box(image.shape[1:], self.size)
            pixels = image.cpu().numpy().astype(np.uint8).transpose(1, 2, 0)
            fitted = letterbox(Image.fromarray(pixels), box, self.size).transpose(2, 0, 1)
            result = MetaTensor(torch.from_numpy(fitted.astype(np.float32)), meta=dict(image.meta))
            result.applied_operations = list(image.applied_operations)
            self.push_transform(result, orig_size=tuple(image.shape[1:]), extra_info={"box": box})  # type: ignore[no-untyped-call]
            d[key] = result
        return d

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Bring maps (C, H, W) back onto the image."""
        d = dict(data)
        for key in self.key_iterator(d):
            done = self.pop_transform(d[key])
            box = [int(i) for i in done["extra_info"]["box"]]
            original = [int(i) for i in done["orig_size"]]
            restored = undo_letterbox(d[key].as_tensor(), box, original)
            d[key] = MetaTensor(restored, meta=d[key].meta, applied_operations=d[key].applied_operations)
        return d
