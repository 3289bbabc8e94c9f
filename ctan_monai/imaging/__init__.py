# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Image formats and what every image must satisfy."""

from .limits import MOST_BYTES, MOST_VOXELS, check_volume_size
from .memory import check_memory
from .metaimage_header import MetaImageHeader, read_metaimage_header

__all__ = ["MOST_BYTES", "MOST_VOXELS", "MetaImageHeader", "check_memory", "check_volume_size", "read_metaimage_header"]
