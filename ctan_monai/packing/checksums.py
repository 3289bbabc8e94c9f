# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Checksums of a bundle that is handed on: what was packed is what is run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from importlib.machinery import all_suffixes
from pathlib import Path

from ctan_monai.utils.errors import InputError
from ctan_monai.utils.files import file_sha256, write_json

__all__ = ["CHECKSUMS_NAME", "refuse_no_bundle", "verify_checksums", "write_checksums"]

CHECKSUMS_NAME = "checksums.json"
# A file added here could be loaded or installed. The rest of the folder may hold the user's results, but no program:
# MONAI puts the folder on Python's search path.
_GUARDED = ("configs", "models", "scripts", "wheels")
_ENVIRONMENT = "pyvenv.cfg"  # Python started from an environment runs its .pth files, before anything can be checked
_PROGRAMS = (*all_suffixes(), ".pyd", ".pth", "._pth", _ENVIRONMENT)
_AGAIN = (
    "Do not use this bundle: get the zip again from whom it came (or pack it again, if that was you), and unpack it "
    "into an empty folder."
)


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


def refuse_no_bundle(root: Path) -> None:
    """Raise an InputError where a folder is not that of an unpacked bundle."""
    path = root / CHECKSUMS_NAME
    if not path.is_file():
        raise InputError(f"{path}: no such file. Expected the folder of an unpacked bundle; give it with --bundle.")


def verify_checksums(root: Path, digest: str | None = None) -> None:
    """Check that a bundle's files are those that were packed, before any of them is run.

    This finds damage and careless change. It does not protect from someone who packs a bundle to do harm:
    ``checksums.json`` can be written anew, and what was added may run before this does. From that only the digest of
    the zip protects, compared before anything in it is run. The digest of ``checksums.json`` tells whether that file
    was written anew.

    Args:
        root: the bundle's folder.
        digest: SHA-256 of ``checksums.json``, as the packer's command line and the ``.sha256`` file state it.

    Raises:
        InputError: there are no checksums, or a file was changed or removed; or one was added to ``configs``,
            ``models``, ``scripts`` or ``wheels``, or a program or a virtual environment anywhere.
    """
    refuse_no_bundle(root)
    path = root / CHECKSUMS_NAME
    if digest is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", digest.strip()):
        raise InputError(
            f"--sha256 {digest}: is not a SHA-256; expected 64 hexadecimal digits, as the packer printed them."
        )
    if digest is not None and file_sha256(path) != digest.strip().lower():
        raise InputError(
            f"{path}: has the SHA-256 {file_sha256(path)}, expected {digest}. If that is the digest of the zip, "
            f"compare it with the zip ('sha256sum'), not here. Otherwise: {_AGAIN}"
        )
    try:
        expected = {str(name): digest for name, digest in json.loads(path.read_text()).items()}
    except (AttributeError, OSError, RecursionError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}). {_AGAIN}") from error
    problems = []
    for name, wanted in expected.items():
        file = root / name
        if not file.is_file():
            problems.append(f"{file}: is missing.")
        elif file_sha256(file) != wanted:
            problems.append(f"{file}: was changed after packing (its SHA-256 is not that of {CHECKSUMS_NAME}).")
    added = [file for file in _dangerous(root) if file.relative_to(root).as_posix() not in expected]
    environments = [file.parent for file in added if file.name == _ENVIRONMENT]
    others = [file for file in added if not any(folder in file.parents for folder in environments)]
    problems += [f"{file}: was not in the bundle when it was packed." for file in others]
    if problems:
        raise InputError("\n".join([*problems[:10], _AGAIN]))
    if environments:
        raise InputError(
            f"{environments[0]}: is a Python environment, which does not belong in the bundle's folder. If you made "
            "it, remove it and make one beside the folder, as the bundle's README.md says. If it came with the bundle: "
            f"{_AGAIN}"
        )


def _dangerous(root: Path) -> Iterator[Path]:
    """Files of a bundle's folder that could be run, loaded or installed. Links are followed, as Python does."""
    seen = set()  # a guarded folder, also where a link elsewhere in the bundle led there before
    for name, folders, files in os.walk(root, followlinks=True):
        folder = Path(name)
        guarded = folder != root and folder.relative_to(root).parts[0] in _GUARDED
        if (folder.resolve(), guarded) in seen:
            folders.clear()
            continue
        seen.add((folder.resolve(), guarded))
        yield from (folder / file for file in sorted(files) if guarded or file.endswith(_PROGRAMS))
