# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import MapTransform


class ScaleDosed(MapTransform):
    """Turn a network's dose output into Gy: times the scale of its training, and not below 0.

    Args:
        keys: dose outputs, any shape.
        dose_scale: Gy for an output of 1, as in :py:class:`ctan_monai.losses.DoseMAELoss`.
        allow_missing_keys: skip keys that an item does not have (methods without the dose task).
    """

    def __init__(self, keys: KeysCollection, dose_scale: float, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        if dose_scale <= 0:
            raise ValueError(f"dose_scale must be a positive dose in Gy, got {dose_scale}.")
        self.dose_scale = dose_scale

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace the outputs by doses in Gy."""
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = (d[key] * self.dose_scale).clamp(min=0)
        return d
