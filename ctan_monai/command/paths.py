# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

from ctan_monai.utils.errors import DataError


def refuse_missing(path: Path, remedy: str, what: str = "file or folder") -> None:
    """Refuse a path that does not exist, before anything slow is imported.

    Args:
        path: as the user gave it.
        remedy: what to do, a sentence.
        what: there should be.

    Raises:
        DataError: there is nothing.
    """
    if not path.exists():
        raise DataError(f"{path}: no such {what}. {remedy}")
