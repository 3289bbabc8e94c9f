# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ctan_monai.utils import original_names

__all__ = ["FoundInputs", "image_name"]


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


def image_name(image: str | Path | Sequence[str | Path]) -> str:
    """How an image is called in reports: its path; of the files of a series, the folder that holds them all.

    Args:
        image: as in an item of :py:class:`FoundInputs`. What was unpacked from a zip is called by the zip's path.
    """
    if isinstance(image, (str, Path)):
        return original_names(str(image))
    return original_names(os.path.commonpath([Path(file).parent for file in image]))
