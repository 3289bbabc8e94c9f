# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .names import printable, safe_name
from .stopwatch import Stopwatch
from .switches import as_switch
from .zips import image_name, is_dicom, is_zip, original_names, unzip, walk_folders

__all__ = [
    "Stopwatch",
    "as_switch",
    "image_name",
    "is_dicom",
    "is_zip",
    "original_names",
    "printable",
    "safe_name",
    "unzip",
    "walk_folders",
]
