# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from ctan_monai.utils.errors import DataError

from .data_values import code_in
from .workflow import TRACKING, running_workflow

WITH_ARGUMENTS = ("network_def", "optimizer")  # components whose arguments decide what was trained
PLACES = (
    "dataset_dir",
    "output_dir",
    "log_dir",
    "evaluation_dir",
    "bundle_root",
    "checkpoint",
)  # of this run on this machine
STATED = ("commit", "version", "libraries", "time", "seed", "config", "precision", "max_epochs", "parameters")
_ID = re.compile(rf"(?:(?:{'|'.join(WITH_ARGUMENTS)})::)?(?!_)\w+")
_CLASSES = {  # what may stand in place of a component
    "network_def::_target_": re.compile(r"ctan_monai\.networks\.[A-Z]\w*"),
    "optimizer::_target_": re.compile(r"(?:torch\.optim|monai\.optimizers)\.[A-Z]\w*"),
}


def plain_values() -> dict[str, Any]:
    """The values at the top of the running workflow's config, after all overrides, that are data and not expressions.

    A checkpoint is of use only together with these, such as ``backbone`` and ``size``: inference needs the same.

    Returns:
        id to its number, text or list, the arguments of network and optimizer as "network_def::<argument>" and
        "optimizer::<argument>", and the evaluated section; folders are left out. Empty where no MONAI workflow is
        running.
    """
    workflow = running_workflow()
    config: Any = {} if workflow is None else workflow.parser.config
    nested = {
        f"{part}::{key}": value
        for part in WITH_ARGUMENTS
        for key, value in (config[part].items() if isinstance(config.get(part), Mapping) else ())
        if key == "_target_" or not key.startswith("_")
    }
    if "validate" in config:
        nested["section"] = config["validate"]["section"]
    return {
        key: value
        for key, value in {**config, **nested}.items()
        if not key.startswith("_") and key not in (*PLACES, *TRACKING) and value != [] and is_plain(value)
    }


def check_record(record: Mapping[str, Any], path: Path) -> None:
    """Refuse a training's record with more than data in what goes into a config or into ``metadata.json``.

    MONAI's parser reads both, and runs the expressions in them. Training writes none.

    Args:
        record: of :py:class:`ctan_monai.handlers.RunRecord`.
        path: its file, for the message.

    Raises:
        DataError: a value that MONAI would run or look up, an id that training does not write, or a class of another
            package as network or optimizer.
    """
    values = record.get("values") or {}
    if not isinstance(values, Mapping):
        raise DataError(f"{path}: 'values' is a {type(values).__name__}, expected an object of ids and their values.")
    problems = [f"{path}: the value of '{name}' has {found}" for name, found in _code(record, values)]
    if problems:
        raise DataError(
            "\n".join(problems) + "\nMONAI would run this as a program; training writes plain numbers and texts. Get "
            "training.json again from the sender, or train again."
        )


def _code(record: Mapping[str, Any], values: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    for name, value in values.items():
        if name in _CLASSES:
            if not (isinstance(value, str) and _CLASSES[name].fullmatch(value)):
                found.append((f"values: {name}", repr(value)))
        elif not _ID.fullmatch(name):
            found.append((f"values: {name}", f"{value!r}, and the id is not one of a training's record"))
        elif code := code_in(value):
            found.append((f"values: {name}", code))
    for part in ("data", *STATED):
        content = record.get(part)
        for name, value in content.items() if isinstance(content, Mapping) else [("", content)]:
            if code := code_in({name: value}):
                found.append((f"{part}: {name}" if name else part, code))
    return found


def is_plain(value: Any) -> bool:
    """Whether a value is a number, a text or a list of these, and not an expression or a reference of a config."""
    if isinstance(value, list | tuple):
        return all(map(is_plain, value))
    return (value is None or isinstance(value, str | PathLike | int | float)) and code_in(value) is None
