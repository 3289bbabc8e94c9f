# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Pooling blocks between the attention of one encoder stage and the next: Pool of equation 1, and MTAN's."""

from __future__ import annotations

import torch
from monai.networks.layers.factories import Pool
from monai.networks.nets.resnet import ResNetBottleneck
from torch import nn

from .blocks import conv_block

__all__ = ["NoPool", "SharedPool", "TaskPools", "bottleneck_pool", "residual_pool"]


def bottleneck_pool(spatial_dims: int, channels: int, next_channels: int, stride: int) -> nn.Sequential:
    """CTAN's pooling block: 1x1 to a quarter, 3x3 with the next stage's stride, 1x1 to the next stage's width."""
    quarter = channels // 4
    return nn.Sequential(
        conv_block(spatial_dims, channels, quarter, kernel_size=1),
        conv_block(spatial_dims, quarter, quarter, kernel_size=3, stride=stride),
        conv_block(spatial_dims, quarter, next_channels, kernel_size=1),
    )


def residual_pool(spatial_dims: int, channels: int, next_channels: int, stride: int) -> nn.Sequential:
    """MTAN's pooling block: a residual bottleneck of a quarter of the next stage's width, then max pooling.

    Its shortcut is projected to the next stage's width. Source: the authors' code for ResNets of Liu et al. 2019,
    "End-to-End Multi-Task Learning with Attention". An odd size is rounded up, as the trunk's strides do.
    """
    shortcut = conv_block(spatial_dims, channels, next_channels, kernel_size=1, act=None)
    return nn.Sequential(
        ResNetBottleneck(channels, next_channels // 4, spatial_dims, downsample=shortcut),
        Pool[Pool.MAX, spatial_dims](kernel_size=stride, stride=stride, ceil_mode=True),
    )


class TaskPools(nn.Sequential):
    """One pooling block for each task."""

    def forward(self, gated: list[torch.Tensor]) -> list[torch.Tensor]:
        """Maps G^j_t of all tasks to A-hat^j_t of all tasks."""
        pooled: list[torch.Tensor] = []
        for t, pool in enumerate(self):
            pooled.append(pool(gated[t]))
        return pooled


class SharedPool(nn.Sequential):
    """One pooling block for all tasks.

    The tasks' features pass through it as one batch: run in turn, its batch norms would train on each task's statistics
    and evaluate with a mixture that belongs to none.
    """

    def forward(self, gated: list[torch.Tensor]) -> list[torch.Tensor]:
        """Maps G^j_t of all tasks to A-hat^j_t of all tasks."""
        x = torch.cat(gated, dim=0)
        for block in self:
            x = block(x)
        return list(x.chunk(len(gated), dim=0))


class NoPool(nn.Module):
    """Hands G^j_t on as it is."""

    def forward(self, gated: list[torch.Tensor]) -> list[torch.Tensor]:
        """Returns its argument."""
        return gated
