# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform
from monai.utils import ensure_tuple

from ctan_monai.utils.keys import PRESENT


class RandMirrorSidesd(RandomizableTransform, MapTransform):
    """Mirror a patient left to right, and exchange the labels that have sides with it.

    A tumour on the left is as likely as one on the right, so a mirrored patient is a plausible one, as long as the left
    parotid becomes the right one. MONAI's RandFlipd turns the arrays alone and would teach the sides as noise.

    Args:
        keys: arrays (C, X, *) whose first spatial axis runs from right to left (or left to right).
        label_keys: those of ``keys`` that are label maps.
        pairs: values of a label map that exchange, as [[3, 4]]. A list "<label key>_present" of the foreground labels,
            value 1 first, is exchanged too.
        prob: probability of mirroring.
        allow_missing_keys: skip keys that an item does not have.

    Raises:
        ValueError: a label key that is not in ``keys``, or pairs that are not pairs of different foreground values.
    """

    def __init__(
        self,
        keys: KeysCollection,
        label_keys: KeysCollection,
        pairs: Sequence[Sequence[int]],
        prob: float = 0.5,
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self.label_keys = ensure_tuple(label_keys)
        unknown = sorted(set(map(str, self.label_keys)) - set(map(str, self.keys)))
        if unknown:
            raise ValueError(f"label_keys {unknown} are not among the keys {list(self.keys)}.")
        values = [value for pair in pairs for value in pair]
        if any(len(pair) != 2 for pair in pairs) or len(set(values)) != len(values) or min(values, default=1) < 1:
            raise ValueError(f"pairs must be pairs of different label values of at least 1, got {list(pairs)}.")
        self.pairs = [(int(a), int(b)) for a, b in pairs]

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Mirror all keys, or none."""
        d = dict(data)
        self.randomize(None)
        if not self._do_transform:
            return d
        for key in self.key_iterator(d):
            d[key] = torch.flip(d[key], dims=(1,))
        for key in self.label_keys:
            if key not in d:
                continue
            labels, present = d[key].clone(), f"{key}{PRESENT}"
            for a, b in self.pairs:
                labels[d[key] == a], labels[d[key] == b] = b, a
            d[key] = labels
            if present in d:
                d[present] = self._exchange(list(d[present]))
        return d

    def _exchange(self, present: list[Any]) -> list[Any]:
        for a, b in self.pairs:
            present[a - 1], present[b - 1] = present[b - 1], present[a - 1]
        return present
