# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""STL, HPS, MTAN and CTAN, and the layers they are made of."""

from ctan_monai.networks.attention import CTAE, ConstantMasks
from ctan_monai.networks.bottleneck import CTAB, cross_task_attention
from ctan_monai.networks.ctan import CTAN
from ctan_monai.networks.decoders import ImageDecoder, PixelDecoder
from ctan_monai.networks.hps import HPS
from ctan_monai.networks.methods import METHODS, method
from ctan_monai.networks.mtan import MTAN
from ctan_monai.networks.neutralization import channel_means, neutral_parts, neutralize
from ctan_monai.networks.stl import STL
from ctan_monai.networks.trunk import Trunk
from ctan_monai.networks.wide_hps import WideHPS

__all__ = [
    "CTAB",
    "CTAE",
    "CTAN",
    "HPS",
    "METHODS",
    "MTAN",
    "STL",
    "ConstantMasks",
    "ImageDecoder",
    "PixelDecoder",
    "Trunk",
    "WideHPS",
    "channel_means",
    "cross_task_attention",
    "method",
    "neutral_parts",
    "neutralize",
]
