# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Small parts that trunk, attention and decoders share: the convolution block, float32 regions, initialization."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from monai.networks.blocks import Convolution
from torch import nn

__all__ = ["Float32Layer", "autocast_off", "conv_block", "interpolation_mode", "kaiming_init"]

INTERPOLATION = {2: "bilinear", 3: "trilinear"}


def conv_block(
    spatial_dims: int,
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    stride: int = 1,
    act: str | None = "relu",
) -> Convolution:
    """Convolution, batch norm and activation, with "same" padding: a side of n becomes ceil(n / stride).

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: odd size of the kernel.
        stride: stride of the convolution.
        act: MONAI name of the activation; None for a linear block.

    Returns:
        MONAI's convolution block, without a bias (the norm has one).
    """
    activation: str | tuple[str, dict[str, bool]] | None = (act, {"inplace": True}) if act == "relu" else act
    return Convolution(
        spatial_dims,
        in_channels,
        out_channels,
        strides=stride,
        kernel_size=kernel_size,
        adn_ordering="NA",
        act=activation,
        norm="batch",
        bias=False,
    )


def interpolation_mode(spatial_dims: int) -> str:
    """The linear mode of ``torch.nn.functional.interpolate`` in that many dimensions."""
    return INTERPOLATION[spatial_dims]


def kaiming_init(module: nn.Module) -> None:
    """Initializes the convolutions of ``module`` as MONAI's ResNet does its own; norms keep weight 1 and bias 0.

    Nothing starts at zero, so every parameter has a gradient from the first step on.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")


def autocast_off(x: torch.Tensor) -> AbstractContextManager[object]:
    """A context with autocast off on the device of ``x``; an empty one where it is off already.

    The empty one leaves no trace in an exported graph. TorchScript must not call this function.
    """
    device = x.device.type
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()


class Float32Layer(nn.Module):
    """Runs the last layer of a head in float32, also under autocast: bf16 near 70 Gy has steps of 0.5 Gy.

    A scripted network has no way to leave an autocast region that its caller opened: run TorchScript files without
    autocast, else this layer is rounded as well (its output is float32 all the same).

    Args:
        layer: the layer; its parameters are float32.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Returns ``layer(x)`` in float32."""
        if torch.jit.is_scripting():
            result: torch.Tensor = self.layer(x.float()).float()
        else:
            with autocast_off(x):
                result = self.layer(x.float())
        return result
