# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Loading of one photograph."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import ImageMetaKey

from ctan_monai.imaging.photos import read_photo

__all__ = ["LoadImagePhotod"]


class LoadImagePhotod(MapTransform):
    """Loads JPEG and PNG photographs as people see them, see :py:func:`ctan_monai.imaging.to_rgb`.

    MONAI's ``LoadImaged`` hands a file that its reader refuses to all other readers, and what was wrong is lost among
    their errors. The class name starts with ``LoadImage`` as that of :py:class:`LoadImageCTd`.

    Args:
        keys: paths.
        allow_missing_keys: do not raise where a key is missing.
    """

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replaces each path by a MetaTensor (3, H, W), float32 from 0 to 255.

        Raises:
            DataError: the file cannot be used as a photograph.
        """
        d = dict(data)
        for key in self.key_iterator(d):
            pixels = np.asarray(read_photo(d[key]), np.float32).transpose(2, 0, 1)
            meta = {ImageMetaKey.FILENAME_OR_OBJ: str(d[key])}
            d[key] = MetaTensor(torch.from_numpy(np.ascontiguousarray(pixels)), meta=meta)
        return d
