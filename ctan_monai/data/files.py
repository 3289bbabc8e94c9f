# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Small file helpers: atomic writes, checksums, and checks of an output folder before time is spent."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from ctan_monai.data.errors import DataError

__all__ = ["check_output_folder", "file_sha256", "write_bytes_atomic", "write_json_atomic"]


def write_bytes_atomic(path: Path | str, content: bytes) -> None:
    """Writes a file so that other readers see the old one or the whole new one, never a part."""
    path = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # mkstemp's own files are private to their owner
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json_atomic(path: Path | str, content: Any) -> None:
    """Writes ``content`` as indented JSON, atomically."""
    write_bytes_atomic(path, (json.dumps(content, indent=1) + "\n").encode())


def file_sha256(path: Path | str) -> str:
    """SHA-256 of a file as hexadecimal text."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_output_folder(folder: Path | str, needed_bytes: int) -> None:
    """Makes ``folder`` and checks that it can be written and that its disk has room.

    Raises:
        DataError: it is a file, cannot be written, or its disk has fewer than ``needed_bytes`` left.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataError(
            f"{folder}: the output folder cannot be written ({error.strerror}). "
            "Give another --output, or change the folder's permissions."
        ) from error
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise DataError(
            f"{folder}: {free / 1e9:.2f} GB are free on its disk, about {needed_bytes / 1e9:.2f} GB are needed. "
            "Free some space, or give an --output on another disk."
        )
