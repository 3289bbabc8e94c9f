# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A prepared case's folder: written as a whole or not at all, and found again by a later run."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import file_sha256, write_json

from .journal import withdraw_datalist

__all__ = ["RECORD_NAME", "source_checksums", "write_case_folder", "write_nifti"]

RECORD_NAME = "case.json"  # in each prepared case's folder: its datalist entry and what it was made from


def source_checksums(files: Mapping[str, Path]) -> dict[str, str]:
    """SHA-256 of a case's files, by the names given.

    Raises:
        DataError: a file cannot be read.
    """
    try:
        return {name: file_sha256(path) for name, path in files.items()}
    except OSError as error:
        raise DataError(f"{error.filename}: cannot be read ({error.strerror}).") from error


def write_case_folder(
    output: Path, made_from: Mapping[str, Any], write: Callable[[Path], Mapping[str, Any]]
) -> dict[str, Any]:
    """Writes a case's folder, unless it is there already and was made from the same.

    Args:
        output: the folder.
        made_from: all that its content depends on (format, checksums, settings), JSON-ready.
        write: writes the files into the folder it is given and returns the record, with ``sizes``, the size in bytes of
            each file by its path in the folder. The folder lies two below that of the prepared data.

    Returns:
        the record, ``made_from`` and ``reused`` included; the former two are also in the folder's ``case.json``.
    """
    done = _read_record(output, made_from)
    if done is not None:
        return {**done, "reused": True}
    temporary, previous = (output.parent / f".{output.name}.{kind}" for kind in ("tmp", "old"))
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.rmtree(previous, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        record = {**made_from, **write(temporary)}
        write_json(temporary / RECORD_NAME, record)
        withdraw_datalist(output.parent.parent)
        if output.exists():  # a folder cannot be replaced in one step while it holds files
            os.replace(output, previous)
        os.replace(temporary, output)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(previous, ignore_errors=True)
    return {**record, "reused": False}


def _read_record(output: Path, made_from: Mapping[str, Any]) -> dict[str, Any] | None:
    """The record of a finished case made from the same, else None."""
    try:
        record = json.loads((output / RECORD_NAME).read_text())
        if any(record[key] != value for key, value in made_from.items()):
            return None
        sizes_match = all((output / name).stat().st_size == size for name, size in record["sizes"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return record if sizes_match else None


def write_nifti(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    """Writes a volume (x, y, z); bool becomes uint8. The affine is to RAS mm."""
    image = nib.Nifti1Image(array.astype(np.uint8) if array.dtype == bool else array, affine)
    image.header.set_xyzt_units("mm")
    nib.save(image, path.absolute())  # NIfTI is Fortran-ordered: an axial slice is contiguous in the file
