# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Decoders for pixel-level and image-level tasks (paper, section 2.1, "Encoder and Decoder")."""

from __future__ import annotations

import torch
from monai.networks.layers.factories import Conv, Pool
from torch import nn
from torch.nn.functional import interpolate

from .blocks import Float32Layer, conv_block, interpolation_mode, kaiming_init

__all__ = ["ImageDecoder", "PixelDecoder", "UpBlock"]

PIXEL_WIDTHS = (256, 128, 64, 32)  # skips of stages 3, 2, 1 and the conv7x7 stem
IMAGE_WIDTHS = (32, 64, 128, 256)  # skips of stages 1, 2, 3, 4


class UpBlock(nn.Module):
    """Linear up-sampling to the size of a skip connection, then two 3x3 convolution blocks.

    The width is reduced by a 1x1 convolution block before the up-sampling, where it is cheapest.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the coarse feature.
        skip_channels: channels of the skip connection.
        out_channels: channels of the result.
    """

    def __init__(self, spatial_dims: int, in_channels: int, skip_channels: int, out_channels: int) -> None:
        super().__init__()
        self.mode = interpolation_mode(spatial_dims)
        self.reduce = conv_block(spatial_dims, in_channels, out_channels, kernel_size=1)
        self.convs = nn.Sequential(
            conv_block(spatial_dims, out_channels + skip_channels, out_channels),
            conv_block(spatial_dims, out_channels, out_channels),
        )

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Maps (B, in_channels, *coarse) and the skip (B, skip_channels, *fine) to (B, out_channels, *fine)."""
        x = interpolate(self.reduce(x), size=skip.shape[2:], mode=self.mode, align_corners=False)
        result: torch.Tensor = self.convs(torch.cat([x.to(skip.dtype), skip], dim=1))
        return result


class PixelDecoder(nn.Module):
    """Up-sampling blocks with skip connections, then a 1x1 convolution in float32.

    Three blocks take in the skips of stages 3, 2 and 1. With the conv7x7 stem a fourth takes in the stem's stride-2
    feature, and the result of the 1x1 convolution is up-sampled linearly to the image's size (the two commute, and
    this order is cheaper).

    Args:
        spatial_dims: 2 or 3.
        channels: channels of the four stages' skips; the bottleneck has those of the fourth.
        stem_channels: channels of the stem's feature where it is a skip (conv7x7), else 0.
        out_channels: channels of the output.
    """

    def __init__(self, spatial_dims: int, channels: list[int], stem_channels: int, out_channels: int) -> None:
        super().__init__()
        self.mode = interpolation_mode(spatial_dims)
        self.stem_skip = stem_channels > 0
        skips = channels[2::-1] + ([stem_channels] if self.stem_skip else [])
        widths = [channels[3], *PIXEL_WIDTHS]
        self.blocks = nn.ModuleList(
            UpBlock(spatial_dims, widths[i], skip, widths[i + 1]) for i, skip in enumerate(skips)
        )
        kaiming_init(self)
        self.head = Float32Layer(Conv[Conv.CONV, spatial_dims](widths[len(skips)], out_channels, kernel_size=1))

    def forward(
        self, bottleneck: torch.Tensor, skips: list[torch.Tensor], stem: torch.Tensor, size: list[int]
    ) -> torch.Tensor:
        """Decodes one task.

        Args:
            bottleneck: (B, C_4, *spatial / output stride).
            skips: of stages 1 to 4, (B, C_j, *spatial / stride_j); the fourth is in the bottleneck already.
            stem: the stem's feature.
            size: spatial size of the image.

        Returns:
            Logits or values, (B, out_channels, *size), float32.
        """
        fine_skips = [skips[2], skips[1], skips[0], stem]
        x = bottleneck
        for i, block in enumerate(self.blocks):
            x = block(x, fine_skips[i])
        x = self.head(x)
        if self.stem_skip:
            x = interpolate(x, size=size, mode=self.mode, align_corners=False)
        return x


class ImageDecoder(nn.Module):
    """Down-sampling blocks with skip connections, global average pooling and a fully-connected layer in float32.

    Four blocks run from the full-resolution end: each takes in the skip of its stage, the last also the bottleneck
    where that is another feature. A block is a 3x3 convolution block and a max pooling that halves the size (rounding
    up, so never below 1). Pooling comes after the norm: a training batch of one image meets no smaller map here than
    in the trunk's last stage.

    Args:
        spatial_dims: 2 or 3.
        channels: channels of the four stages' skips; the bottleneck has those of the fourth.
        out_channels: channels of the output.
        own_bottleneck: False where the bottleneck is the fourth stage's skip itself.
    """

    def __init__(self, spatial_dims: int, channels: list[int], out_channels: int, own_bottleneck: bool = True) -> None:
        super().__init__()
        self.own_bottleneck = own_bottleneck
        previous = [0, *IMAGE_WIDTHS]
        bottleneck = [0, 0, 0, channels[3] if own_bottleneck else 0]
        self.blocks = nn.ModuleList(
            nn.Sequential(
                conv_block(spatial_dims, previous[j] + channels[j] + bottleneck[j], width),
                Pool[Pool.MAX, spatial_dims](kernel_size=3, stride=2, padding=1),
            )
            for j, width in enumerate(IMAGE_WIDTHS)
        )
        kaiming_init(self)
        self.head = Float32Layer(nn.Linear(IMAGE_WIDTHS[-1], out_channels))

    def forward(
        self, bottleneck: torch.Tensor, skips: list[torch.Tensor], stem: torch.Tensor, size: list[int]
    ) -> torch.Tensor:
        """Decodes one task.

        Args:
            bottleneck: (B, C_4, *spatial / output stride).
            skips: of stages 1 to 4, (B, C_j, *spatial / stride_j).
            stem: not used; here so that all decoders are called alike.
            size: not used, as well.

        Returns:
            Logits, (B, out_channels), float32.
        """
        features: list[torch.Tensor] = []  # the block before, where there is one
        for j, block in enumerate(self.blocks):
            features.append(skips[j])
            if j == 3 and self.own_bottleneck:
                features.append(bottleneck)
            features = [block(torch.cat(features, dim=1))]
        result: torch.Tensor = self.head(features[0].flatten(2).float().mean(dim=2))
        return result
