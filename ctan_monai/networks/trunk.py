# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""The shared encoder: MONAI's ResNet, split into stages as the multi-task methods need it."""

from __future__ import annotations

import torch
from monai.networks.nets.resnet import ResNet, get_inplanes
from torch import nn

__all__ = ["BACKBONES", "STEMS", "Stage", "Trunk"]

# name: (MONAI's block, residual units in each stage, width); "half" is not published, it is for weights of few MB
BACKBONES: dict[str, tuple[str, list[int], float]] = {
    "resnet18": ("basic", [2, 2, 2, 2], 1.0),
    "resnet34": ("basic", [3, 4, 6, 3], 1.0),
    "resnet50": ("bottleneck", [3, 4, 6, 3], 1.0),
    "resnet101": ("bottleneck", [3, 4, 23, 3], 1.0),
    "resnet18_half": ("basic", [2, 2, 2, 2], 0.5),
}
STEMS = ("conv3x3", "conv7x7")


class Stage(nn.Sequential):
    """One ResNet stage that gives both of its features the paper names (section 2.1).

    U^j is the output of all residual units but the last, P^j that of the last unit: the paper's "two convolution
    blocks using U^j". The split moves no parameter, so pre-trained weights keep their names.
    """

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps the stage's input (B, C, *spatial) to U^j and P^j, both (B, C_j, *spatial / stride)."""
        u, p = x, x
        for unit in self:
            u = p
            p = unit(p)
        return u, p


class Trunk(ResNet):
    """MONAI's ResNet without its classifier, with torchvision's layout and parameter names.

    MONAI's defaults are not torchvision's: that needs shortcut type B, downsampling without bias and a first stride
    of 2.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        backbone: a key of ``BACKBONES``.
        stem: ``conv3x3``, a 3x3 convolution block of stride 1 (stage 1 at full resolution, output stride 8: the paper's
            "3x3 Conv block"), or ``conv7x7``, the usual ImageNet stem with max pooling (stage 1 at stride 4, output
            stride 32).
        width: factor of all channels, rounded to multiples of four.

    Raises:
        ValueError: for an unknown backbone or stem.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        backbone: str = "resnet50",
        stem: str = "conv3x3",
        width: float = 1.0,
    ) -> None:
        if backbone not in BACKBONES:
            raise ValueError(f"Unknown backbone {backbone!r}: use one of {', '.join(BACKBONES)}.")
        if stem not in STEMS:
            raise ValueError(f"Unknown stem {stem!r}: use one of {', '.join(STEMS)}.")
        block, units, share = BACKBONES[backbone]
        planes = [max(4, 4 * round(width * share * full / 4)) for full in get_inplanes()]
        super().__init__(
            block=block,
            layers=units,
            block_inplanes=planes,
            spatial_dims=spatial_dims,
            n_input_channels=in_channels,
            conv1_t_size=3 if stem == "conv3x3" else 7,
            conv1_t_stride=1 if stem == "conv3x3" else 2,
            no_max_pool=stem == "conv3x3",
            shortcut_type="B",
            feed_forward=False,
            bias_downsample=False,
        )
        self.layer1 = Stage(*self.layer1)
        self.layer2 = Stage(*self.layer2)
        self.layer3 = Stage(*self.layer3)
        self.layer4 = Stage(*self.layer4)
        del self.avgpool
        expansion = 4 if block == "bottleneck" else 1
        self.spatial_dims = spatial_dims
        self.backbone = backbone
        self.width = width
        self.stem_name = stem
        self.stem_channels = planes[0]
        self.channels = [expansion * stage for stage in planes]

    def stem(self, x: torch.Tensor) -> torch.Tensor:
        """The first convolution block: (B, stem_channels, *spatial), for ``conv7x7`` half as large."""
        result: torch.Tensor = self.act(self.bn1(self.conv1(x)))
        return result

    # TorchScript reads the comment below too, and only accepts it at the end of its line
    def forward(  # type: ignore[override]
        self, x: torch.Tensor
    ) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
        """Encodes an image.

        Args:
            x: image, (B, in_channels, *spatial).

        Returns:
            The stem's feature, and U^1..U^4 and P^1..P^4, (B, C_j, *spatial / stride_j).
        """
        stem = self.stem(x)
        s = stem if self.no_max_pool else self.maxpool(stem)
        u1, p1 = self.layer1(s)
        u2, p2 = self.layer2(p1)
        u3, p3 = self.layer3(p2)
        u4, p4 = self.layer4(p3)
        return stem, [u1, u2, u3, u4], [p1, p2, p3, p4]
