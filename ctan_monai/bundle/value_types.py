# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Types of the values that a user overrides: those that the bundle's own config has in their place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any

from ctan_monai.utils.switches import as_switch

from .data_values import CODE

__all__ = ["PATHS", "typed_value", "typed_values"]

_ALSO: dict[str, tuple[str, tuple[type, ...]]] = {  # ids that take more than the type of their default
    "pretrained": ("the path of a file of weights", (str, PathLike)),
    "dicom_output": ("names of DICOM objects", (str, list, tuple)),
}
PATHS = (
    "bundle_root",
    "dataset_dir",
    "output_dir",
    "log_dir",
    "checkpoint",
    "evaluation_dir",
    "training_ranges",
    "targets_from",
    "start_from",
)


def typed_values(config: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The overrides of a config that have another type than the bundle's own value, converted.

    Args:
        config: after all overrides, as MONAI's parser holds it.
        known: the bundle's own config.

    Returns:
        id ("a::b" below the top) to value, of those that change.

    Raises:
        ValueError: a value cannot be converted; the message names its id.
    """
    changed = {}
    for name, value, default in _pairs(config, known, ""):
        if isinstance(default, str) and default[1:] in known and default.startswith("@"):
            default = known[default[1:]]  # "final_learning_rate": "@learning_rate"
        typed = typed_value(name, value, default)
        if type(typed) is not type(value):
            changed[name] = typed
    return changed


def _pairs(config: Mapping[str, Any], known: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any, Any]]:
    for key in config.keys() & known.keys():
        if isinstance(known[key], dict) and isinstance(config[key], dict):
            yield from _pairs(config[key], known[key], f"{prefix}{key}::")
        elif not key.startswith("_"):
            yield prefix + key, config[key], known[key]


def typed_value(name: str, value: Any, default: Any) -> Any:
    """One value in the type of the one that it overrides.

    Args:
        name: its id.
        value: as the user gave it. An expression of MONAI's ("$...", "@...", "%...") stays.
        default: the bundle's own.

    Raises:
        ValueError: it has another type.
    """
    if isinstance(value, str) and value.startswith(CODE):
        return value
    if name == "amp":
        text = str(value).strip().lower()
        return text if text == "auto" else as_switch(name, value, also="auto")
    if name in PATHS and not (value is None and default is None):
        if not isinstance(value, str | PathLike):
            raise ValueError(f"--{name} is {value!r}: expected a path. Put quotes into it: --{name} \"'{value}'\".")
        return str(value)
    if isinstance(default, bool):
        words, types = _ALSO.get(name, ("", ()))
        try:
            return as_switch(f"--{name}", value, words)
        except ValueError:
            if isinstance(value, types):
                return value
            raise
    if isinstance(default, int | float):
        return _number(name, value, type(default))
    if isinstance(default, list):
        if isinstance(value, list | tuple):
            return list(value)
        raise ValueError(f"--{name} is {value!r}: expected a list, such as {default}.")
    if isinstance(default, str) and not default.startswith(CODE) and not isinstance(value, str):
        raise ValueError(f"--{name} is {value!r}: expected a text, such as {default!r}.")
    return value


def _number(name: str, value: Any, kind: type) -> int | float:
    try:
        number = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        number = None
    if isinstance(number, bool) or not isinstance(number, int | float) or (kind is int and number != int(number)):
        raise ValueError(f"--{name} is {value!r}: expected {'a whole number' if kind is int else 'a number'}.")
    result: int | float = kind(number)
    return result
