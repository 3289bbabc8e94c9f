# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Loading of one CT volume, NIfTI or DICOM."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.data import ImageReader
from monai.transforms import LoadImaged

from ctan_monai.data.ct_reader import CTReader

__all__ = ["LoadCTd"]


class LoadCTd(LoadImaged):
    """MONAI's ``LoadImaged`` with :py:class:`CTReader` alone.

    A reader given to ``LoadImaged`` is tried first, and when it refuses an input the readers that do not check are
    tried next; a reader given with the call is the only one.

    Args:
        keys: paths: a NIfTI file or a folder with a DICOM CT series.
        allow_missing_keys: do not raise where a key is missing.
    """

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys=allow_missing_keys)
        self.reader = CTReader()

    def __call__(self, data: Mapping[Hashable, Any], reader: ImageReader | None = None) -> dict[Hashable, Any]:
        """Replaces each path by a MetaTensor (x, y, z) in HU, float32."""
        return super().__call__(data, reader or self.reader)
