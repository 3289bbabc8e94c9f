# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ctan_monai.utils import original_names, printable

__all__ = ["FoundInputs", "name_problem"]

_LONGEST = 200  # bytes of a name: those of results are longer, and file systems take 255


class FoundInputs(list[dict[str, Any]]):
    """The images of an inference run, and what else was found where they lie.

    Args:
        items: of the images, each with "image", a path or the list of a DICOM series' files, and "case_id".
        left_out: a line for each thing that is not an image to predict, such as a localizer or a structure set.
        unusable: a line for each image that cannot be used: what was found, what was expected, and what to do.
    """

    def __init__(
        self, items: Iterable[dict[str, Any]] = (), left_out: Iterable[str] = (), unusable: Iterable[str] = ()
    ) -> None:
        super().__init__(items)
        self.left_out = [original_names(line) for line in left_out]
        self.unusable = [original_names(line) for line in unusable]


def name_problem(path: Path) -> str | None:
    """Why the results of a file cannot be named after it; None: they can."""
    try:
        length = len(path.name.encode())
    except UnicodeEncodeError:  # bytes of another encoding, which no report can hold
        shown = "/".join(printable(part) for part in str(path).split("/"))
        return f"{shown}: its name is not UTF-8 text. Rename it."
    if length > _LONGEST:
        return f"{path}: its name has {length} bytes, at most {_LONGEST} can be used. Rename it."
    return None
