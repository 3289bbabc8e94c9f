# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .body import body_mask
from .dose import DoseToGrayd
from .load_slice import LoadAxialSliced
from .windows import StackWindowsd

__all__ = ["DoseToGrayd", "LoadAxialSliced", "StackWindowsd", "body_mask"]
