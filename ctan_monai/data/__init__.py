# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .errors import DataError
from .loader import EpochDataLoader
from .prepared import read_datalist
from .slices import expand_slices

__all__ = ["DataError", "EpochDataLoader", "expand_slices", "read_datalist"]
