# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .switches import as_switch
from .unzip import is_dicom, is_zip, original_names, unzip, walk_folders

__all__ = ["as_switch", "is_dicom", "is_zip", "original_names", "unzip", "walk_folders"]
