# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def named(handler: T) -> T:
    """The handler itself, so that a config's list of handlers can hold one that is defined elsewhere by name.

    MONAI's check of a bundle's properties reads the ``_target_`` of each item of ``train::handlers``, and fails on a
    plain reference; an item by index, on the other hand, could not be overridden safely.

    Args:
        handler: any handler.
    """
    return handler
