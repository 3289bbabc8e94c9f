# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Loading of one CT volume, NIfTI or DICOM."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import ImageMetaKey

from .ct_reader import CTReader

__all__ = ["LoadImageCTd"]


class LoadImageCTd(MapTransform):
    """Loads CT volumes with :py:class:`ctan_monai.transforms.CTReader` alone.

    MONAI's ``LoadImaged`` tries a given reader first, and when it refuses an input, goes on to the readers that do not
    check. The class name starts with ``LoadImage`` because MONAI Deploy leaves such transforms out: it hands over
    loaded images.

    Args:
        keys: paths: a NIfTI file, a folder with a DICOM CT series, or the list of the series' files.
        allow_missing_keys: do not raise where a key is missing.
    """

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.reader = CTReader()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replaces each path by a MetaTensor (x, y, z) in HU, float32.

        Raises:
            InputError: the input cannot be used as one CT volume.
        """
        d = dict(data)
        for key in self.key_iterator(d):
            array, meta = self.reader.get_data(self.reader.read(d[key]))
            meta[ImageMetaKey.FILENAME_OR_OBJ] = d[key] if isinstance(d[key], list) else str(d[key])
            d[key] = MetaTensor.ensure_torch_and_prune_meta(np.asarray(array, np.float32), meta)
        return d
