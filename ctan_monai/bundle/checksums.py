# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Checksums of a bundle that is handed on: what was packed is what is run."""

from __future__ import annotations

import json
from pathlib import Path

from ctan_monai.errors import InputError
from ctan_monai.files import file_sha256, write_json

__all__ = ["CHECKSUMS_NAME", "verify_checksums", "write_checksums"]

CHECKSUMS_NAME = "checksums.json"
# A file added here could be run, loaded or installed; the rest of the folder may hold the user's venv and results.
_GUARDED = ("configs", "models", "scripts", "wheels")
_AGAIN = "Do not use this bundle: get the zip again from whom it came, and unpack it into an empty folder."


def write_checksums(root: Path) -> str:
    """Write the SHA-256 of every file of a bundle into ``checksums.json``.

    Args:
        root: the bundle's folder.

    Returns:
        SHA-256 of the file itself, which vouches for all the others.
    """
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != CHECKSUMS_NAME)
    return file_sha256(
        write_json(root / CHECKSUMS_NAME, {path.relative_to(root).as_posix(): file_sha256(path) for path in files})
    )


def verify_checksums(root: Path, digest: str | None = None) -> None:
    """Check that a bundle's files are those that were packed, before any of them is run.

    Against damage and careless change ``checksums.json`` is enough. Who changes files on purpose can write it anew:
    only the digest, if it came by another way than the bundle, tells that.

    Args:
        root: the bundle's folder.
        digest: SHA-256 of ``checksums.json``, as the packer's command line and the ``.sha256`` file state it.

    Raises:
        InputError: there are no checksums, or a file was changed, removed, or added where files are run, loaded or
            installed.
    """
    path = root / CHECKSUMS_NAME
    if not path.is_file():
        raise InputError(f"{path}: no such file. Expected the folder of an unpacked bundle; give it with --bundle.")
    if digest is not None and file_sha256(path) != digest.strip().lower():
        raise InputError(
            f"{path}: has the SHA-256 {file_sha256(path)}, expected {digest}. If that is the digest of the zip, "
            f"compare it with the zip ('sha256sum'), not here. Otherwise: {_AGAIN}"
        )
    try:
        expected = dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: cannot be read ({error}). {_AGAIN}") from error
    problems = []
    for name, wanted in expected.items():
        file = root / name
        if not file.is_file():
            problems.append(f"{file}: is missing.")
        elif file_sha256(file) != wanted:
            problems.append(f"{file}: was changed after packing (its SHA-256 is not that of {CHECKSUMS_NAME}).")
    for folder in _GUARDED:
        found = (f for f in sorted((root / folder).rglob("*")) if f.is_file() and "__pycache__" not in f.parts)
        added = [file for file in found if file.relative_to(root).as_posix() not in expected]
        problems += [f"{file}: was not in the bundle when it was packed." for file in added]
    if problems:
        raise InputError("\n".join([*problems[:10], _AGAIN]))
