# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Checks shared by the metrics."""

from __future__ import annotations

import numpy as np

__all__ = ["check_same_shape"]


def check_same_shape(first: np.ndarray, name: str, **others: np.ndarray | None) -> None:
    """Raise a ValueError that names the first array whose shape differs from that of `first`; None is skipped."""
    for other_name, other in others.items():
        if other is not None and np.shape(other) != np.shape(first):
            raise ValueError(
                f"{other_name} has shape {np.shape(other)}, but the {name} has shape {np.shape(first)}; "
                "metrics compare arrays on one grid: resample the prediction to the reference first."
            )
