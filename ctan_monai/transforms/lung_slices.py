# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""K axial slices across the lungs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import nibabel as nib
import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform, RandomizableTransform

from ctan_monai.utils.errors import DataError

__all__ = ["LoadLungSlicesd", "SelectLungSlicesd", "slice_indices"]

MIDDLE = 0.5


def slice_indices(depth: int, count: int, phase: float = MIDDLE) -> np.ndarray:
    """Indices of slices that are spread evenly over a volume.

    The volume is cut into as many equal parts as slices are wanted; each gives the slice at the phase: 0.5 is its
    middle. A volume of fewer slices gives some of them twice.

    Args:
        depth: slices of the volume.
        count: slices wanted, K.
        phase: in [0, 1).

    Example:
        >>> slice_indices(8, 4).tolist()
        [1, 3, 5, 7]
        >>> slice_indices(8, 4, phase=0.0).tolist()
        [0, 2, 4, 6]
    """
    return ((np.arange(count) + phase) * depth / count).astype(int)


@lru_cache(maxsize=4096)
def _memory_map(path: str, size: tuple[int, int]) -> np.ndarray:
    array = nib.load(path, mmap="r").dataobj.get_unscaled()  # type: ignore[attr-defined]
    if not isinstance(array, np.memmap) or array.dtype != np.uint8 or array.shape[:2] != size:
        raise DataError(
            f"{path}: holds {array.dtype} of shape {array.shape}, expected uncompressed uint8 slices of {size}. Give "
            f"--image_size '[{array.shape[0]},{array.shape[1]}]' and the --spacing of the preparation, or prepare the "
            "data again with ctan-monai prepare stoic --size."
        )
    return array


class LoadLungSlicesd(RandomizableTransform, MapTransform):
    """Reads K slices of a prepared volume, without reading the volume.

    Prepared volumes are uncompressed NIfTI in Fortran order: a slice ``[..., z]`` is contiguous on disk, and a memory
    map reads its 50 KB (224 x 224, uint8) alone.

    Args:
        keys: paths; each becomes a float32 tensor (K, X, Y) in [0, 1], 0 and 1 the ends of the window.
        slices: K.
        size: expected X and Y.
        random_phase: training: slices at a random phase, so that over the epochs all are seen; else in the middle.
    """

    def __init__(self, keys: KeysCollection, slices: int, size: Sequence[int], random_phase: bool = False) -> None:
        MapTransform.__init__(self, keys)
        RandomizableTransform.__init__(self, prob=1.0)
        self.slices = slices
        self.size = (int(size[0]), int(size[1]))
        self.random_phase = random_phase

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace the paths.

        Raises:
            DataError: a volume of another size or type.
        """
        d = dict(data)
        phase = float(self.R.uniform()) if self.random_phase else MIDDLE
        for key in self.key_iterator(d):
            volume = _memory_map(str(d[key]), self.size)
            d[key] = _slices(volume, slice_indices(volume.shape[2], self.slices, phase))
        return d


class SelectLungSlicesd(MapTransform):
    """The K slices that evaluation takes, of volumes in memory.

    Args:
        keys: uint8 tensors (1, X, Y, Z), of :py:class:`ctan_monai.transforms.CropToLungsd`; each becomes a float32
            tensor (K, X, Y) in [0, 1], and keeps the meta data.
        slices: K.
    """

    def __init__(self, keys: KeysCollection, slices: int) -> None:
        super().__init__(keys)
        self.slices = slices

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace the volumes."""
        d = dict(data)
        for key in self.key_iterator(d):
            volume = d[key]
            array = np.asarray(volume.cpu())[0]
            slices = _slices(array, slice_indices(array.shape[2], self.slices))
            # MONAI Deploy reads the meta data of what the pre-processing leaves
            d[key] = MetaTensor(slices).copy_meta_from(volume) if isinstance(volume, MetaTensor) else slices
        return d


def _slices(volume: np.ndarray, indices: np.ndarray) -> torch.Tensor:
    planes = np.stack([np.asarray(volume[..., i]) for i in indices])
    return torch.from_numpy(planes).float() / 255
