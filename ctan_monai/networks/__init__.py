# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""STL, HPS, MTAN and CTAN, and the layers they are made of."""

from .attention_measures import AttentionMaps, attention_maps
from .ctab import CTAB, cross_task_attention
from .ctae import CTAE, ConstantMasks
from .ctan import CTAN
from .decoders import ImageDecoder, PixelDecoder
from .hps import HPS
from .methods import METHODS, method, with_pretrained
from .mtan import MTAN
from .neutralization import channel_means, neutral_parts, neutralize
from .stl import STL
from .trunk import Trunk
from .wide_hps import WideHPS

__all__ = [
    "CTAB",
    "CTAE",
    "CTAN",
    "HPS",
    "METHODS",
    "MTAN",
    "STL",
    "AttentionMaps",
    "ConstantMasks",
    "ImageDecoder",
    "PixelDecoder",
    "Trunk",
    "WideHPS",
    "attention_maps",
    "channel_means",
    "cross_task_attention",
    "method",
    "neutral_parts",
    "neutralize",
    "with_pretrained",
]
