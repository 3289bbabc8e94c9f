# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""A control: hard parameter sharing with as many parameters as CTAN."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from .ctan import CTAN
from .hps import HPS

__all__ = ["WideHPS"]


class WideHPS(HPS):
    """HPS whose trunk is widened until the network has CTAN's number of parameters, to within 2 %.

    It tells what CTAN's attention does from what its size does. Arguments: see ``MultiTaskNetwork``; there are no
    pre-trained weights of this width.

    Raises:
        ValueError: for ``pretrained`` other than False.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        tasks: Mapping[str, Mapping[str, Any]],
        backbone: str = "resnet50",
        stem: str = "conv3x3",
        pretrained: bool = False,
    ) -> None:
        arguments = (spatial_dims, in_channels, tasks, backbone, stem)
        with torch.device("meta"):  # shapes only
            width = matching_width(parameters(CTAN(*arguments)), lambda w: parameters(HPS(*arguments, width=w)))
        super().__init__(*arguments, pretrained, width=width)


def matching_width(wanted: int, count: Callable[[float], int]) -> float:
    """The width from 1 on, to 0.005, at which ``count(width)`` comes nearest to ``wanted``."""
    low, high = 1.0, 2.0
    while count(high) < wanted:
        high *= 2
    while high - low > 0.005:
        middle = (low + high) / 2
        low, high = (middle, high) if count(middle) < wanted else (low, middle)
    return min(low, high, key=lambda width: abs(count(width) - wanted))


def parameters(network: nn.Module) -> int:
    """Number of a network's parameters."""
    return sum(p.numel() for p in network.parameters())
