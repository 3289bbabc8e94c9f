# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def as_switch(name: str, value: Any, also: str = "") -> bool:
    """A switch as a command line gives it: ``--amp false`` arrives as the text "false", which counts as true in Python.

    Args:
        name: of the switch, for the error.
        value: a bool, 1 or 0, or one of true, false, yes, no, 1 and 0 in any case.
        also: what else the caller takes, for the error.

    Raises:
        ValueError: none of these.
    """
    found = value if isinstance(value, bool) else _WORDS.get(str(value).strip().lower())
    if found is None:
        raise ValueError(f"{name} is {value!r}: expected true or false" + (f", or {also}." if also else "."))
    return found
