# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Multi-task learning for medical imaging with MONAI: CTAN (Kim et al. 2023) and its baselines."""

from __future__ import annotations

import importlib
from types import ModuleType

__version__ = "0.2.0"

_ROOMS = (
    "bundle",
    "comparison",
    "data",
    "dicom",
    "engines",
    "evaluation",
    "handlers",
    "imaging",
    "inference",
    "losses",
    "metrics",
    "networks",
    "packing",
    "phantoms",
    "reports",
    "transforms",
    "utils",
)


def __getattr__(name: str) -> ModuleType:
    """Import a room when it is first used, so that a config's one ``import ctan_monai`` reaches all of them."""
    if name == "inferers":  # its classes are in engines
        name = "engines"
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
