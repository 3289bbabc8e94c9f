# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What a user or a file names, on its way into a config: data, which neither MONAI's parser nor python-fire reads.

MONAI evaluates a text that begins with "$" as Python, looks "@id" up, reads a file for "%file", and replaces each "#"
by "::". python-fire, which parses the command line of ``python -m monai.bundle``, takes "a#b" for "a" and "12345" for a
number.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from fire.parser import DefaultParseValue

__all__ = ["CODE", "as_argument", "as_data", "code_in"]

CODE = ("$", "@", "%")
_CHANGED = re.compile(r"\A[$@%]|#|[@%]::")


def as_data(value: Any) -> Any:
    """A value of which MONAI's config parser gives back exactly what it was given.

    Args:
        value: text, a path, or lists and mappings of them; anything else is returned as it is.

    Returns:
        The same with paths as text. A text that the parser would change becomes an expression: a Python literal in
        which none of the parser's characters is left.
    """
    if isinstance(value, Mapping):
        return {key: as_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_data(item) for item in value]
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    return _literal(value) if isinstance(value, str) and _CHANGED.search(value) else value


def as_argument(value: Any) -> str:
    """A value as an argument of ``python -m monai.bundle run``: its config gets exactly what was given.

    Args:
        value: see :py:func:`as_data`.
    """
    value = as_data(value)
    if isinstance(value, str) and (value.startswith("-") or DefaultParseValue(value) != value):
        return _literal(value)
    return str(value)


def code_in(value: Any) -> str | None:
    """The first part of a value that MONAI's config parser would run or look up.

    Args:
        value: as JSON has it.

    Returns:
        the text, or the key ("_target_": MONAI calls what it names); None: the value is plain data.
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            if str(key).startswith(("_", *CODE)) or re.search("#|::", str(key)):
                return repr(key)
            if found := code_in(item):
                return found
    elif isinstance(value, list | tuple):
        return next(filter(None, map(code_in, value)), None)
    elif isinstance(value, str) and value.startswith(CODE):
        return repr(value)
    return None


def _literal(text: str) -> str:
    return "$" + ascii(text).replace("#", r"\x23").replace("@", r"\x40").replace("%", r"\x25")
