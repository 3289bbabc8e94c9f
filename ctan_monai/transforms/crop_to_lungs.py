# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A chest CT as the STOIC networks see it, for inference."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from nibabel.affines import voxel_sizes

from ctan_monai.imaging.geometry import LPS_TO_RAS
from ctan_monai.imaging.lung_volume import lung_volume
from ctan_monai.utils import image_name

__all__ = ["CropToLungsd"]

logger = logging.getLogger(__name__)


class CropToLungsd(MapTransform):
    """:py:func:`ctan_monai.imaging.lung_volume.lung_volume` of a loaded CT, for inference.

    The same as ``ctan-monai prepare stoic`` stores.

    Args:
        keys: CTs, MetaTensors (x, y, z) or (1, x, y, z) in HU; each becomes uint8 (1, X, Y, Z).
        size: voxels of the field along x and y.
        spacing: of the result in mm.
        window: HU (low, high).
        found_key: receives what the crop is about.
        warnings_key: receives the warnings, as one text.
        source_key: receives the name of the input.

    Each item also gets "usable", False where no lungs were found, and the reason as "unusable_because".
    """

    def __init__(
        self,
        keys: KeysCollection,
        size: Sequence[int],
        spacing: Sequence[float],
        window: Sequence[float],
        found_key: str = "found",
        warnings_key: str = "warnings",
        source_key: str = "source",
    ) -> None:
        super().__init__(keys)
        self.size, self.spacing, self.window = tuple(size), tuple(spacing), tuple(window)
        self.found_key, self.warnings_key, self.source_key = found_key, warnings_key, source_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Crop; the affine follows.

        Raises:
            InputError: see :py:func:`ctan_monai.imaging.lung_volume.lung_volume`.
        """
        d = dict(data)
        for key in self.key_iterator(d):
            image = d[key]
            source = image.meta.get("filename_or_obj", key)
            name = image_name(source)
            array = image.as_tensor().cpu().numpy()
            result = lung_volume(
                _to_sitk(array[0] if array.ndim == 4 else array, image.affine.cpu().numpy()),
                self.size,
                self.spacing,
                self.window,
                name,
            )
            d[key] = MetaTensor(torch.from_numpy(result.values)[None], affine=torch.from_numpy(result.affine))
            d[key].meta["filename_or_obj"], d[self.source_key] = source, name
            d[self.found_key], d[self.warnings_key] = result.found, " ".join(result.warnings)
            d["usable"], d["unusable_because"] = not result.unusable_because, result.unusable_because
            if result.warnings:
                logger.warning("%s: %s", name, d[self.warnings_key])
        return d


def _to_sitk(array: np.ndarray, affine: np.ndarray) -> sitk.Image:
    """An int16 image of an array (x, y, z) in HU and its affine to RAS mm."""
    lps = LPS_TO_RAS @ affine.astype(float)
    spacing = voxel_sizes(lps)
    limits = np.iinfo(np.int16)
    image = sitk.GetImageFromArray(np.clip(np.rint(array), limits.min, limits.max).astype(np.int16).transpose(2, 1, 0))
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).reshape(-1).tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image
