# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Image formats and what every image must satisfy."""

from .memory import check_memory
from .metaimage_header import MetaImageHeader, read_metaimage_header

__all__ = ["MetaImageHeader", "check_memory", "read_metaimage_header"]
