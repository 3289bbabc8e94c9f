# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence

from fire.parser import DefaultParseValue

from ctan_monai.utils.errors import DataError

from .data_values import CODE
from .value_types import PATHS

_IN_A_NAME = re.compile("#|[@%]::")  # what no way of writing keeps


def is_bundle_command() -> bool:
    """Whether this process is ``python -m monai.bundle``, and not another program that runs a bundle."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    return spec is not None and spec.name == "monai.bundle.__main__"


def refuse_changed_paths() -> None:
    """Refuse a path on the command line of ``python -m monai.bundle`` that its parsers turn into another one.

    MONAI replaces "#" by "::", and takes "@::" and "%::" for places in the config; python-fire takes what follows "#"
    for a comment, so that "scan#2" is "scan", another patient's folder, and quotes off; a name that begins with "$",
    "@" or "%" is evaluated.

    Raises:
        DataError: there is such a path.
    """
    if not is_bundle_command():
        return
    for name, path in _paths(sys.argv):
        if not path.startswith("$") and (found := _IN_A_NAME.search(path)):
            raise DataError(
                f"--{name} {path}: MONAI's command line cannot take a name with '{found[0]}'. Rename the folder, or "
                "pack the bundle and run ctan-monai-predict, which takes any name."
            )
        if os.path.lexists(path):
            remedy = f"Give it as './{path}'."
            if path.startswith(CODE):
                raise DataError(f"--{name} {path}: MONAI's command line takes this name for code. {remedy}")
            if (value := DefaultParseValue(path)) != path:
                raise DataError(f"--{name} {path}: MONAI's command line reads this name as {value!r}. {remedy}")


def _paths(argv: Sequence[str]) -> Iterator[tuple[str, str]]:
    for argument, following in zip(argv, [*argv[1:], ""], strict=True):
        option, equals, value = argument.partition("=")
        name = option.lstrip("-").replace("-", "_")
        if option.startswith("-") and name in PATHS:
            yield name, value if equals else following
