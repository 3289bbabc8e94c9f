# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Takes a machine's paths out of what is published."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

__all__ = ["scrub_argument", "scrub_paths"]

_ROOT = r"(?:/|~[\w.-]*/|[A-Za-z]:[\\/])"
_WHOLE = re.compile(rf"{_ROOT}[^'\",\[\]]*")
_QUOTED = re.compile(rf"(['\"])({_ROOT}[^'\"]*)\1")
# a path within text: not the middle of a relative path, nor of a URL
_EMBEDDED = re.compile(rf"(?<![\w.:/\\~-]){_ROOT}[^\s'\",;()\[\]{{}}]*")
_AFTER_COLON = re.compile(r"(?<=[^\W\d_]{2}:)/(?!/)[^\s'\",;()\[\]{}]*")  # "mount:/home/ann"; no drive, no URL
_UPWARDS = re.compile(r"(?<![\w./-])(?:\.\./)+[^\s'\",;()\[\]{}]*")


def scrub_paths(value: Any) -> Any:
    """Shorten every path in a value that would tell where on a machine files lie.

    Args:
        value: text, a path, a number, None, or mappings and sequences of those.

    Returns:
        The same, with paths and tuples as text and lists. Absolute paths, paths from the home folder, and paths that
        climb out of the working directory are cut to their last part (`/home/ann/data/openkbp` -> `openkbp`).
    """
    if isinstance(value, Mapping):
        return {str(scrub_paths(key)): scrub_paths(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [scrub_paths(item) for item in value]
    if isinstance(value, PurePath):
        value = str(value)
    if not isinstance(value, str):
        return value
    text = value.replace("file://", "")
    if _WHOLE.fullmatch(text):  # also catches a path with spaces, whose end cannot be told within text
        return _shorten(text)
    text = _QUOTED.sub(lambda match: f"{match[1]}{_shorten(match[2])}{match[1]}", text)
    text = _EMBEDDED.sub(lambda match: _shorten(match[0]), text)
    text = _AFTER_COLON.sub(lambda match: _shorten(match[0]), text)
    return _UPWARDS.sub(lambda match: _last(match[0]), text)


def scrub_argument(argument: str) -> str:
    """Like :func:`scrub_paths`, for one command line argument, also of the form `--name=value`."""
    name, equals, value = argument.partition("=")
    if equals and name.startswith("-"):
        return f"{name}={scrub_paths(value)}"
    return str(scrub_paths(argument))


def _shorten(path: str) -> str:
    """The path relative to the working directory where it lies in it, else its last part."""
    try:
        relative = Path(path).relative_to(os.getcwd())
    except (ValueError, OSError):
        return _last(path)
    return relative.as_posix() if len(relative.parts) else "."


def _last(path: str) -> str:
    parts = [part for part in re.split(r"[\\/]", path) if part not in ("", "..", ".")]
    # no name is left of "/" or "../..", and the only part of "~ann/" is a user's name
    return parts[-1] if parts and not (len(parts) == 1 and path.startswith("~")) else "(folder)"
