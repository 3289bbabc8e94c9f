# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform
from monai.utils import ensure_tuple

from ctan_monai.utils.keys import SLICE

from .network_input import slice_offsets


@lru_cache(maxsize=4096)
def _memory_map(path: str) -> np.ndarray:
    """The volume as a memory map; the header is parsed once a process."""
    array = np.asanyarray(nib.load(path, mmap="r").dataobj)  # type: ignore[attr-defined]
    if not isinstance(array, np.memmap):
        raise ValueError(
            f"'{path}' is compressed or scaled and cannot be opened by memory map: prepare it with ctan-monai prepare."
        )
    return array


class LoadAxialSliced(MapTransform):
    """Read one axial slice of prepared volumes, without reading the volumes.

    MONAI's LoadImage reads a whole volume. Prepared volumes are uncompressed NIfTI in Fortran order, so that a slice
    ``[..., k]`` is contiguous on disk: a memory map reads just its 32 to 64 KB.

    Args:
        keys: paths of volumes (X, Y, Z); each becomes a float32 tensor (1, X, Y) of the slice "slice_index".
        context: distances in mm of neighboring slices, which become further channels of ``context_keys``; "spacing" of
            the item says how many slices that is. A neighbor beyond the volume's end is the end's slice.
        context_keys: those of ``keys`` that are read with their neighbors.
        allow_missing_keys: skip keys that an item does not have.
    """

    def __init__(
        self,
        keys: KeysCollection,
        context: Sequence[float] = (),
        context_keys: KeysCollection = ("image", "targets"),
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.context = list(context)
        self.context_keys = ensure_tuple(context_keys)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace the paths by slices."""
        d = dict(data)
        for key in self.key_iterator(d):
            volume, places = _memory_map(str(d[key])), [int(d[SLICE])]
            if self.context and key in self.context_keys:
                offsets = slice_offsets(self.context, float(d["spacing"][2]))
                places += [min(max(places[0] + offset, 0), volume.shape[-1] - 1) for offset in offsets]
            planes = np.stack([volume[..., place] for place in places]).astype(np.float32)
            d[key] = torch.from_numpy(planes)
        return d
