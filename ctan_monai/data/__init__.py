# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .ct_reader import CTReader
from .errors import DataError
from .inputs import InputError, find_inputs
from .loader import EpochDataLoader
from .prepared import read_datalist
from .slices import expand_slices
from .stoic_cases import stoic_cases

__all__ = [
    "CTReader",
    "DataError",
    "EpochDataLoader",
    "InputError",
    "expand_slices",
    "find_inputs",
    "read_datalist",
    "stoic_cases",
]
