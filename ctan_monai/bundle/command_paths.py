# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

from ctan_monai.bundle.data_values import CODE
from ctan_monai.bundle.value_types import PATHS
from ctan_monai.errors import DataError


def refuse_changed_paths() -> None:
    """Refuse a path on the command line of ``python -m monai.bundle`` that its parsers turn into another one.

    MONAI replaces "#" by "::", python-fire takes what follows "#" for a comment, so that "scan#2" is "scan", another
    patient's folder; a name that begins with "$", "@" or "%" is evaluated.

    Raises:
        DataError: there is such a path.
    """
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is None or spec.name != "monai.bundle.__main__":
        return
    for name, path in _paths(sys.argv):
        if "#" in path and not path.startswith("$"):
            raise DataError(
                f"--{name} {path}: MONAI's command line cannot take a name with '#'. Rename the folder, or pack the "
                "bundle and run ctan-monai-predict, which takes any name."
            )
        if path.startswith(CODE) and os.path.lexists(path):
            raise DataError(f"--{name} {path}: MONAI's command line takes this name for code. Give it as './{path}'.")


def _paths(argv: Sequence[str]) -> Iterator[tuple[str, str]]:
    for argument, following in zip(argv, [*argv[1:], ""], strict=True):
        option, equals, value = argument.partition("=")
        name = option.lstrip("-").replace("-", "_")
        if option.startswith("-") and name in PATHS:
            yield name, value if equals else following
