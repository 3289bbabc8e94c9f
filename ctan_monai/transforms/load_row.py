# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform

ROW = "index"


@lru_cache(maxsize=64)
def _memory_map(path: str) -> np.ndarray:
    """The array as a memory map; opened once a process."""
    return np.asarray(np.load(path, mmap_mode="r"))


class LoadRowd(MapTransform):
    """Read one image of prepared arrays that hold all images, without reading the arrays.

    Args:
        keys: paths of ``.npy`` arrays (N, H, W) or (N, H, W, C); each becomes a float32 tensor (1, H, W) or (C, H, W)
            of the row that the item's "index" names.
        allow_missing_keys: skip keys that an item does not have.
    """

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace the paths by images."""
        d = dict(data)
        for key in self.key_iterator(d):
            row = _memory_map(str(d[key]))[d[ROW]]
            planes = row[None] if row.ndim == 2 else row.transpose(2, 0, 1)
            d[key] = torch.from_numpy(np.ascontiguousarray(planes, dtype=np.float32))
        return d
