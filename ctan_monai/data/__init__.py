# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from ctan_monai.utils.moved import moved

from .datalist import check_grid, independent_units, read_datalist
from .describe import describe_data
from .ham10000.datalist import read_images
from .loader import EpochDataLoader
from .slices import expand_slices
from .statistics_item import StatisticsItem
from .stoic.datalist import stoic_cases

__all__ = [
    "EpochDataLoader",
    "StatisticsItem",
    "check_grid",
    "describe_data",
    "expand_slices",
    "independent_units",
    "read_datalist",
    "read_images",
    "stoic_cases",
]

__getattr__ = moved(
    __name__,
    {
        "CTReader": "ctan_monai.transforms",
        "DataError": "ctan_monai.utils",
        "InputError": "ctan_monai.utils",
        "ResultsFolder": "ctan_monai.inference",
        "find_images": "ctan_monai.inference",
        "find_inputs": "ctan_monai.inference",
        "to_rgb": "ctan_monai.imaging",
    },
)
