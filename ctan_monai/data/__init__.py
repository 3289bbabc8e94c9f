# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .ct_reader import CTReader
from .errors import DataError
from .inputs import InputError, find_inputs
from .loader import EpochDataLoader
from .prepared import check_grid, read_datalist
from .slices import expand_slices

__all__ = [
    "CTReader",
    "DataError",
    "EpochDataLoader",
    "InputError",
    "check_grid",
    "expand_slices",
    "find_inputs",
    "read_datalist",
]
