# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Hard parameter sharing."""

from __future__ import annotations

from typing import Any

import torch

from .base import MultiTaskNetwork

__all__ = ["HPS"]


class HPS(MultiTaskNetwork):
    """Hard parameter sharing (paper, Fig. 1): one shared trunk, a decoder for each task, no attention.

    All decoders see the same features: skips P^j and bottleneck P^4. Arguments: see ``MultiTaskNetwork``.

    Example:
        >>> net = HPS(2, 1, {"segmentation": {"level": "pixel", "out_channels": 5}}, backbone="resnet18")
        >>> net(torch.rand(2, 1, 64, 64))["segmentation"].shape
        torch.Size([2, 5, 64, 64])
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, own_bottleneck=False, **options)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Maps an image (B, in_channels, *spatial) to each task's float32 output.

        Returns:
            By task name: (B, out_channels, *spatial) at pixel level, (B, out_channels) at image level.
        """
        self.check_input(x)
        stem, _, p = self.trunk(x)
        skips = [[feature] * len(self.task_names) for feature in p]
        return self.decode(x, stem, skips[3], skips)
