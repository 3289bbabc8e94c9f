# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from ctan_monai.errors import DataError, InputError

from .ct_reader import CTReader
from .describe import describe_data
from .ham10000_datalist import read_images
from .image_inputs import find_images
from .inputs import find_inputs
from .loader import EpochDataLoader
from .photos import to_rgb
from .prepared import check_grid, independent_units, read_datalist
from .results_folder import ResultsFolder
from .slices import expand_slices
from .stoic_datalist import stoic_cases

__all__ = [
    "CTReader",
    "DataError",
    "EpochDataLoader",
    "InputError",
    "ResultsFolder",
    "check_grid",
    "describe_data",
    "expand_slices",
    "find_images",
    "find_inputs",
    "independent_units",
    "read_datalist",
    "read_images",
    "stoic_cases",
    "to_rgb",
]
