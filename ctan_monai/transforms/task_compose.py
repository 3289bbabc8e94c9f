# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from monai.transforms import Compose, MapTransform


class TaskCompose(Compose):
    """MONAI's ``Compose`` for the outputs of all tasks: keys of tasks that the network lacks are passed over.

    It sets ``allow_missing_keys`` of all its transforms, so that a config need not say it at each.

    Args:
        transforms: of the outputs, such as "pred_segmentation" and "pred_dose".
    """

    def __init__(self, transforms: Sequence[Callable[..., Any]]) -> None:
        super().__init__(transforms)
        for transform in self.flatten().transforms:  # type: ignore[no-untyped-call]
            if isinstance(transform, MapTransform):
                transform.allow_missing_keys = True
