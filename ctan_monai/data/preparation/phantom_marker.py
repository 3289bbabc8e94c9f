# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Synthetic data are in a release's own layout; a file beside them keeps them from passing as the release later on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ctan_monai.data.datalist import DATALIST_NAME
from ctan_monai.utils.files import write_atomic, write_json

from .journal import file_facts

__all__ = ["MARKER", "mark_as_phantom", "write_datalist"]

MARKER = "PHANTOM.txt"


def mark_as_phantom(folder: Path | str) -> None:
    """Say in a folder that what it holds is synthetic."""
    write_atomic(
        Path(folder) / MARKER,
        "Synthetic data, made by ctan-monai phantom in the layout of a real data set. No patient's.\n",
    )


def write_datalist(
    output: Path, datalist: dict[str, Any], source: Path | str, checksums: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Write ``datalist.json``; where the source is a phantom, name, description and licence say that it is synthetic.

    Args:
        output: folder of the prepared data.
        datalist: the content; the size and the SHA-256 of each file are added as "files".
        source: the release, or the folder of a phantom that holds it.
        checksums: see :py:func:`ctan_monai.data.preparation.journal.file_facts`.

    Returns:
        what was written.
    """
    datalist = {**datalist, "files": file_facts(output, datalist, checksums or {})}
    source = Path(source).resolve()
    if any((folder / MARKER).is_file() for folder in (source, source.parent)):
        datalist = {
            **datalist,
            "name": f"{datalist['name']} phantom",
            "description": f"Synthetic. {datalist['description']}",
            "reference": "synthetic data of ctan-monai",
            "licence": "Apache-2.0 (synthetic data)",
        }
    write_json(output / DATALIST_NAME, datalist)
    return datalist
