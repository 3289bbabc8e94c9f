# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Resampling to a spacing, smoothed where that is coarser."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import InvertibleTransform, MapTransform, SpatialResample
from nibabel.affines import voxel_sizes
from scipy import ndimage

__all__ = ["AntiAliasedSpacingd"]


SAME_SPACING_MM = 1e-3  # the accuracy of MONAI's affine comparisons


class AntiAliasedSpacingd(MapTransform, InvertibleTransform):
    """Linear resampling to a spacing, after a Gaussian along each axis that becomes coarser.

    MONAI's ``Spacing`` alone picks from 1 mm voxels one in four when it goes to 4 mm, noise and all, so that a network
    sees another texture at each resolution. The Gaussian is that of MONAI's ``Resize(anti_aliasing=True)`` and of
    scikit-image: standard deviation (factor - 1) / 2 voxels, factor = new / old spacing. MONAI's own filter pads with
    zeros, which is water in HU and would brighten the border; here the border is repeated.

    The new grid has the old one's center, where ``Spacing`` puts the first voxels onto each other: so one scan
    reconstructed at two resolutions is sampled at the same points. An axis that has the spacing already is kept. The
    inverse is linear resampling (or nearest neighbor, as ``Invertd`` says) without smoothing. No other key is written:
    MONAI's ``Spacingd`` writes into all that start with ``image_`` and fails on MONAI Label's ``image_path``.

    Args:
        keys: MetaTensors (C, x, y, z).
        pixdim: new spacing of the three axes in mm.
        allow_missing_keys: do not raise where a key is missing.
    """

    def __init__(self, keys: KeysCollection, pixdim: Sequence[float], allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        if len(pixdim) != 3 or min(pixdim) <= 0:
            raise ValueError(f"pixdim must be three positive spacings in mm, got {pixdim}.")
        self.pixdim = np.asarray(pixdim, dtype=float)
        # float32 halves the memory; a position is then right to 1e-4 voxels in 1,000
        self.resample = SpatialResample(mode="bilinear", padding_mode="border", dtype=np.float32)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Resample; the affine follows."""
        d = dict(data)
        for key in self.key_iterator(d):
            image = d[key]
            affine = image.affine.cpu().numpy().astype(float)
            old = voxel_sizes(affine)
            new = np.where(np.abs(old - self.pixdim) < SAME_SPACING_MM, old, self.pixdim)
            shape = np.asarray(image.shape[1:])
            new_shape = np.maximum(np.rint(shape * old / new), 1).astype(int)
            target = affine.copy()
            target[:3, :3] *= new / old
            target[:3, 3] += affine[:3, :3] @ (shape - 1) / 2 - target[:3, :3] @ (new_shape - 1) / 2
            smooth = _smooth(image, np.maximum(new / old - 1, 0) / 2)
            d[key] = self.resample(smooth, dst_affine=torch.from_numpy(target), spatial_size=new_shape.tolist())
        return d

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Resample onto the grid before."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.resample.inverse(d[key])
        return d


def _smooth(image: MetaTensor, sigmas: np.ndarray) -> MetaTensor:
    if not sigmas.any():
        return image
    array = image.as_tensor().cpu().numpy()
    for axis, sigma in enumerate(sigmas, start=1):
        if sigma > 0:
            array = ndimage.gaussian_filter1d(array, sigma, axis=axis, mode="nearest")
    result: MetaTensor = MetaTensor(torch.from_numpy(array).to(image.device)).copy_meta_from(image)
    return result
