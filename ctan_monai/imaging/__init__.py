# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Image formats and what every image must satisfy."""

from .body import body_mask
from .geometry import check_axes
from .lungs import find_lungs
from .memory import check_memory
from .metaimage_header import MetaImageHeader, read_metaimage_header
from .photos import to_rgb

__all__ = [
    "MetaImageHeader",
    "body_mask",
    "check_axes",
    "check_memory",
    "find_lungs",
    "read_metaimage_header",
    "to_rgb",
]
