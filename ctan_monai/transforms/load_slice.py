# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform

from ctan_monai.data.slices import SLICE


@lru_cache(maxsize=4096)
def _memory_map(path: str) -> np.ndarray:
    """The volume as a memory map; the header is parsed once a process."""
    array = np.asanyarray(nib.load(path, mmap="r").dataobj)  # type: ignore[attr-defined]
    if not isinstance(array, np.memmap):
        raise ValueError(
            f"'{path}' is compressed or scaled and cannot be opened by memory map: prepare it with "
            "tools/prepare_data.py."
        )
    return array


class LoadAxialSliced(MapTransform):
    """Read one axial slice of prepared volumes, without reading the volumes.

    MONAI's LoadImage reads a whole volume. Prepared volumes are uncompressed NIfTI in Fortran order, so that a slice
    ``[..., k]`` is contiguous on disk: a memory map reads just its 32 to 64 KB.

    Args:
        keys: paths of volumes (X, Y, Z); each becomes a float32 tensor (1, X, Y) of the slice "slice_index".
        allow_missing_keys: skip keys that an item does not have.
    """

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace the paths by slices."""
        d = dict(data)
        for key in self.key_iterator(d):
            plane = _memory_map(str(d[key]))[..., d[SLICE]]
            d[key] = torch.from_numpy(np.ascontiguousarray(plane, dtype=np.float32))[None]
        return d
