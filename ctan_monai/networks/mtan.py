# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Multi-task attention network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ctan_monai.networks.attention import CTAE
from ctan_monai.networks.network import STRIDES, MultiTaskNetwork

__all__ = ["MTAN", "attention_encoder"]


def attention_encoder(spatial_dims: int, channels: list[int], num_tasks: int, cross: bool) -> nn.ModuleList:
    """The four stages of attention of MTAN (``cross=False``) or CTAN (``cross=True``): the same parameters in both."""
    widths = [*channels, channels[3]]  # of each stage and of the one after
    return nn.ModuleList(
        CTAE(spatial_dims, widths[j], widths[j + 1], STRIDES[j], num_tasks, 0 if j == 0 else widths[j], cross)
        for j in range(4)
    )


class MTAN(MultiTaskNetwork):
    """Multi-task attention network (Liu et al. 2019, "End-to-End Multi-Task Learning with Attention").

    Each task gates the shared features by its own masks, G^j_t = A^j_t * P^j, and hands A-hat^j_t = Pool(G^j_t) to its
    own next stage. Its decoder sees skips G^j_t and bottleneck A-hat^4_t. Arguments: see ``MultiTaskNetwork``.
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
        super().__init__(spatial_dims, in_channels, tasks, backbone, stem, pretrained)
        self.attention = attention_encoder(spatial_dims, self.trunk.channels, len(tasks), cross=False)

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
        return self.decode(x, stem, attended, skips)
