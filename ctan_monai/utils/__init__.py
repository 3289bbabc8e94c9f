# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .switches import as_switch

__all__ = ["as_switch"]
