# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""What MTAN and CTAN have in common: a trunk with attention masks of each task at each stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from .base import STRIDES, MultiTaskNetwork
from .ctab import CTAB
from .ctae import CTAE, ConstantMasks
from .pooling import NoPool, SharedPool, TaskPools, bottleneck_pool, residual_pool
from .reading import RecordedReading

__all__ = ["AttentionNetwork"]


class AttentionNetwork(RecordedReading, MultiTaskNetwork):
    """A trunk with attention masks of each task at each stage: MTAN, CTAN, and what lies between them.

    Args:
        arguments: those of ``MultiTaskNetwork``, here and in ``options``.
        cross: whether a task's features are gated by the other task's masks (equation 1) or its own.
        ctab: whether the decoders' bottlenecks pass through cross-task attention (equation 2).
        pool: "bottleneck", CTAN's pooling block, after each stage; or "residual", MTAN's, after all but the last.
        shared_pool: whether the tasks share their pooling blocks.
        attended_skips: whether the decoders' skips are the attended features G^j_t, or the trunk's P^j.
        constant_masks: whether all masks are 0.5.
        ctab_options: arguments of ``CTAB``.
    """

    def __init__(
        self,
        *arguments: Any,
        cross: bool,
        ctab: bool,
        pool: str,
        shared_pool: bool,
        attended_skips: bool = True,
        constant_masks: bool = False,
        ctab_options: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        residual = pool == "residual"
        # with MTAN's pooling the bottleneck is G^4_t, which the image decoder has as a skip
        super().__init__(*arguments, own_bottleneck=ctab or not residual or not attended_skips, **options)
        channels, tasks = self.trunk.channels, len(self.task_names)
        self.attended_skips = attended_skips

        def pools(j: int) -> nn.Module:
            if (residual and j == 3) or (constant_masks and j < 3):  # or nothing would use them
                return NoPool()
            block = residual_pool if residual else bottleneck_pool
            blocks = [block(self.spatial_dims, widths[j], widths[j + 1], STRIDES[j]) for _ in range(tasks)]
            return SharedPool(blocks[0]) if shared_pool else TaskPools(*blocks)

        widths = [*channels, channels[3]]  # of each stage and of the one after
        self.attention = nn.ModuleList(
            ConstantMasks(pools(j), tasks)
            if constant_masks
            else CTAE(self.spatial_dims, widths[j], pools(j), tasks, 0 if j == 0 else widths[j], cross)
            for j in range(4)
        )
        self.bottleneck = CTAB(self.spatial_dims, channels[3], tasks, **(ctab_options or {})) if ctab else None
        reading: dict[str, str | bool] = {"cross": cross, "attended_skips": attended_skips}
        former: dict[str, str | bool] = {}
        if self.bottleneck is not None:
            reading |= self.bottleneck.reading()
            former = {"normalization": "none", "ctab_activation": "relu", "ctab_identity": False, "ctab_cross": True}
        self.record_reading(reading, former)

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
            skips.append(gated if self.attended_skips else [p[j]] * len(gated))
        if self.bottleneck is not None:
            attended = self.bottleneck(attended)
        return self.decode(x, stem, attended, skips)
