# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What all data sets' preparations have in common: one at a time in a folder, and any interrupted one is gone on with.

``datalist.json`` vouches for the folder: it is written last, and removed before the first file changes that it lists.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ctan_monai.data.datalist import DATALIST_NAME, listed_files, load_datalist
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import file_sha256, prepare_output_dir
from ctan_monai.utils.folder_lock import locked_folder

__all__ = ["file_facts", "preparation", "withdraw_datalist"]


@contextlib.contextmanager
def preparation(output: Path, verify: bool = False) -> Iterator[list[str]]:
    """Within it, no other process prepares into the folder, and what a killed one left behind is gone.

    Args:
        output: the folder; is made.
        verify: compare all files that ``datalist.json`` lists with their SHA-256; those that differ are removed, and so
            prepared again.

    Yields:
        paths of the files that were removed, below the folder.

    Raises:
        DataError: another process prepares there, or ``verify`` without a list of SHA-256.
        OSError: the folder cannot be written.
    """
    prepare_output_dir(output, option="--output")
    with locked_folder(output, "--output"):
        for pattern in ("*/.*.tmp", "*/.*.old"):  # see write_case_folder
            for folder in output.glob(pattern):
                shutil.rmtree(folder, ignore_errors=True)
        yield _remove_damaged(output) if verify else []


def withdraw_datalist(output: Path) -> None:
    """Called before files of a prepared folder change: from here on, no list vouches for them until the end."""
    (output / DATALIST_NAME).unlink(missing_ok=True)


def file_facts(output: Path, datalist: Mapping[str, Any], checksums: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of each file that a data list names.

    Args:
        output: folder of the prepared data.
        datalist: with its sections.
        checksums: SHA-256 of files that the cases' own "sha256" lacks, by their path.

    Returns:
        path below the folder to "bytes" and "sha256".
    """
    facts: dict[str, dict[str, Any]] = {}
    for case in (case for cases in datalist.values() if isinstance(cases, list) for case in cases):
        if not isinstance(case, dict):
            continue
        own = case.get("sha256", {})
        for key, path in listed_files(case):
            if path not in facts:
                digest = checksums.get(path) or own.get(path) or own.get(key)
                facts[path] = {"bytes": (output / path).stat().st_size, "sha256": digest}
    return facts


def _remove_damaged(output: Path) -> list[str]:
    facts = load_datalist(output).get("files")
    if not isinstance(facts, dict) or not facts:
        raise DataError(
            f"{output / DATALIST_NAME}: lists no SHA-256 of the prepared files, so --verify cannot compare them: an "
            "earlier version wrote it. Prepare the data again without --verify."
        )
    damaged = []
    for name, fact in tqdm(facts.items(), desc="Comparing SHA-256", unit="file"):
        path = output / name
        if not path.is_file() or file_sha256(path) != fact.get("sha256"):
            damaged.append(name)
    if damaged:
        withdraw_datalist(output)
    for name in damaged:
        (output / name).unlink(missing_ok=True)
    return damaged
