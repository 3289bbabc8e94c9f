# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Where the patients are in the OpenKBP release, and the checks that cost no reading."""

from __future__ import annotations

from pathlib import Path

from ctan_monai.utils import is_zip, original_names, unzip
from ctan_monai.utils.errors import DataError

from .patient import REQUIRED_FILES, SPLIT_FOLDERS

__all__ = ["find_patients", "find_release", "missing_files"]


def find_release(source: Path | str) -> Path:
    """The folder with ``train-pats``, ``validation-pats`` and ``test-pats``: ``source``, or ``provided-data`` in it.

    Args:
        source: the folder of the release, or its zip.

    Raises:
        DataError: there is no such folder.
    """
    source = Path(source)
    if is_zip(source) and source.is_file():
        source = unzip(source, _is_csv)
    below = sorted(source.glob("*/provided-data"))  # open-kbp; in GitHub's zip, open-kbp-master
    for folder in (source, source / "provided-data", *below):
        if any((folder / name).is_dir() for name in SPLIT_FOLDERS.values()):
            return folder
    if not source.is_dir():
        found = "no such folder"
    else:
        found = "it holds " + (", ".join(sorted(path.name for path in source.iterdir())[:8]) or "nothing")
    raise DataError(
        f"{source}: not the OpenKBP release: {found}. Expected the folder provided-data with "
        f"{', '.join(SPLIT_FOLDERS.values())} in it; get it from github.com/ababier/open-kbp."
    )


def find_patients(release: Path) -> list[tuple[str, Path]]:
    """``(section, folder)`` of every patient, by section and number.

    Raises:
        DataError: there is no patient's folder.
    """
    patients = []
    for section, name in SPLIT_FOLDERS.items():
        folders = [folder for folder in (release / name).glob("pt_*") if folder.is_dir()]
        patients += [(section, folder) for folder in sorted(folders, key=_number)]
    if not patients:
        raise DataError(
            f"{release}: no patient's folder pt_N in {', '.join(SPLIT_FOLDERS.values())}. Copy the release again."
        )
    return patients


def missing_files(folder: Path) -> str | None:
    """What keeps a patient from being used, as far as file names and sizes tell; None if nothing does."""
    missing = [n for n in REQUIRED_FILES if not (folder / n).is_file() or not (folder / n).stat().st_size]
    return (
        f"{original_names(str(folder))}: {', '.join(missing)} missing or empty. Copy the patient again."
        if missing
        else None
    )


def _is_csv(name: str, head: bytes) -> bool:
    return name.lower().endswith(".csv")


def _number(folder: Path) -> tuple[int, str]:
    number = folder.name.removeprefix("pt_")
    return (int(number) if number.isdecimal() else 10**9, folder.name)
