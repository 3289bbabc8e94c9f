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
from monai.data.utils import affine_to_spacing
from monai.transforms import InvertibleTransform, MapTransform, Spacing
from scipy import ndimage

__all__ = ["AntiAliasedSpacingd"]


class AntiAliasedSpacingd(MapTransform, InvertibleTransform):
    """MONAI's ``Spacing`` (linear) after a Gaussian along each axis that becomes coarser.

    ``Spacing`` alone picks from 1 mm voxels one in four when it goes to 4 mm, noise and all, so that a network sees
    another texture at each resolution. The Gaussian is that of MONAI's ``Resize(anti_aliasing=True)`` and of
    scikit-image: standard deviation (factor - 1) / 2 voxels, factor = new / old spacing. MONAI's own filter pads with
    zeros, which is water in HU and would brighten the border; here the border is repeated.

    The inverse is that of ``Spacing`` alone: nothing is smoothed on the way back. Unlike MONAI's ``Spacingd`` it
    writes nothing into other keys (``Spacingd`` fails where MONAI Label puts the text ``image_path``).

    Args:
        keys: MetaTensors (C, x, y, z).
        pixdim: new spacing in mm.
        allow_missing_keys: do not raise where a key is missing.
    """

    def __init__(self, keys: KeysCollection, pixdim: Sequence[float], allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        # float32 halves the memory; a position is then right to 1e-4 voxels in 1,000
        self.spacing = Spacing(pixdim, mode="bilinear", padding_mode="border", dtype=torch.float32)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Resample; the affine follows."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.spacing(self._smooth(d[key]))
        return d

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Resample linearly (or by nearest neighbour, as ``Invertd`` says) onto the grid before."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.spacing.inverse(d[key])
        return d

    def _smooth(self, image: MetaTensor) -> MetaTensor:
        factors = self.spacing.pixdim / affine_to_spacing(image.affine.cpu().numpy(), 3)
        sigmas = np.where(factors > 1.001, (factors - 1) / 2, 0)
        if not sigmas.any():
            return image
        array = image.as_tensor().cpu().numpy()
        for axis, sigma in enumerate(sigmas, start=1):
            if sigma > 0:
                array = ndimage.gaussian_filter1d(array, sigma, axis=axis, mode="nearest")
        return MetaTensor(torch.from_numpy(array).to(image.device)).copy_meta_from(image)
