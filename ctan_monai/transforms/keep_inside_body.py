# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Predictions restricted to the patient."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.config import KeysCollection
from monai.transforms import MapTransform

__all__ = ["KeepInsideBodyd"]


class KeepInsideBodyd(MapTransform):
    """Sets predictions to 0 outside the body: background, 0 Gy.

    The body's mask is that of the network's grid, brought back onto the patient's grid by linear interpolation like
    the predictions; the skin lies where it is 0.5. So it is the same body that the network saw, in any orientation.

    Args:
        keys: predictions (1, x, y, z).
        body_key: the body's mask in [0, 1] on the same grid; it becomes bool.
        allow_missing_keys: do not raise where a prediction is missing.
    """

    def __init__(self, keys: KeysCollection, body_key: str = "body", allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.body_key = body_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Mask each prediction and binarize the body."""
        d = dict(data)
        d[self.body_key] = d[self.body_key] >= 0.5
        for key in self.key_iterator(d):
            if d[key].shape[1:] != d[self.body_key].shape[1:]:
                raise ValueError(
                    f"'{key}' has shape {tuple(d[key].shape)}, '{self.body_key}' {tuple(d[self.body_key].shape)}: "
                    "bring both onto one grid (Invertd) first."
                )
            d[key] = d[key] * d[self.body_key].to(d[key].device)
        return d
