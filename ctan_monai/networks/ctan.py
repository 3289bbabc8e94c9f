# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Cross-task attention network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ctan_monai.networks.bottleneck import CTAB
from ctan_monai.networks.mtan import attention_encoder
from ctan_monai.networks.network import MultiTaskNetwork

__all__ = ["CTAN"]


class CTAN(MultiTaskNetwork):
    """Cross-task attention network (Kim, Purdie and McIntosh 2023, section 2.1).

    In the encoder each task gates the shared features by the other task's mask (equation 1, ``CTAE``),
    G^j_t = A^j_{t'} * P^j, and its decoder takes G^j_t as skips. The decoder's bottleneck is A-bar_t, cross-task
    attention between the attended features A-hat^4_t (equation 2, ``CTAB``).

    Args:
        spatial_dims: see ``MultiTaskNetwork``, as the arguments up to ``pretrained``.
        in_channels: likewise.
        tasks: likewise.
        backbone: likewise.
        stem: likewise.
        pretrained: likewise.
        normalization: of equation 2: "none" as in the paper, or "softmax". See ``cross_task_attention``.
        order: of equation 2: "equation", or "prose" for its transpose. See ``cross_task_attention``.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        tasks: Mapping[str, Mapping[str, Any]],
        backbone: str = "resnet50",
        stem: str = "conv3x3",
        pretrained: bool | str | Path = False,
        normalization: str = "none",
        order: str = "equation",
    ) -> None:
        super().__init__(spatial_dims, in_channels, tasks, backbone, stem, pretrained)
        self.attention = attention_encoder(spatial_dims, self.trunk.channels, len(tasks), cross=True)
        self.bottleneck = CTAB(spatial_dims, self.trunk.channels[3], len(tasks), normalization, order)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Maps an image (B, in_channels, *spatial) to each task's float32 output.

        Returns:
            By task name: (B, out_channels, *spatial) at pixel level, (B, out_channels) at image level.
        """
        self.check_input(x)
        stem, u, p = self.trunk(x)
        skips: list[list[torch.Tensor]] = []
        attended: list[torch.Tensor] = []
        for j, stage in enumerate(self.attention):
            gated, attended = stage(u[j], p[j], attended)
            skips.append(gated)
        return self.decode(x, stem, self.bottleneck(attended), skips)
