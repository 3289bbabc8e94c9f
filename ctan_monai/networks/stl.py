# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Single-task learning."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ctan_monai.networks.hps import HPS

__all__ = ["STL"]


class STL(HPS):
    """Single-task learning: HPS with exactly one task, one network a task. Arguments: see ``MultiTaskNetwork``.

    Raises:
        ValueError: where ``tasks`` does not hold exactly one task.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        tasks: Mapping[str, Mapping[str, Any]],
        backbone: str = "resnet50",
        stem: str = "conv3x3",
        pretrained: bool | str | Path = False,
    ) -> None:
        if len(tasks) > 1:
            raise ValueError(
                f"STL takes exactly one task, found {len(tasks)} ({', '.join(tasks)}): build one STL a task."
            )
        super().__init__(spatial_dims, in_channels, tasks, backbone, stem, pretrained)
