# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .csv_tables import write_csv
from .errors import DataError, InputError
from .files import prepare_output_dir, write_atomic
from .names import printable, safe_name
from .run_provenance import provenance
from .stopwatch import Stopwatch
from .switches import as_switch
from .zips import image_name, is_dicom, is_zip, original_names, unzip, walk_folders

__all__ = [
    "DataError",
    "InputError",
    "Stopwatch",
    "as_switch",
    "image_name",
    "is_dicom",
    "is_zip",
    "original_names",
    "prepare_output_dir",
    "printable",
    "provenance",
    "safe_name",
    "unzip",
    "walk_folders",
    "write_atomic",
    "write_csv",
]
