# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Names that moved to another room, for configs and scripts that have the former one."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["moved"]


def moved(room: str, names: Mapping[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a room from which names have moved.

    Args:
        room: the module that had them.
        names: each name to the module that has it now, which is imported when the name is used.
    """

    def find(name: str) -> Any:
        if name in names:
            return getattr(importlib.import_module(names[name]), name)
        raise AttributeError(f"module {room!r} has no attribute {name!r}")

    return find
