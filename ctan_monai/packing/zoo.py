# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The form of MONAI's model zoo: the package inside the bundle, JSON as its hooks write it, a list of the weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import yaml

from ctan_monai.utils.files import file_sha256, write_atomic

__all__ = ["LARGE_FILES", "write_zoo_form"]

LARGE_FILES = "large_files.yml"
_PACKAGE = Path(__file__).resolve().parents[1]


def write_zoo_form(root: Path, url: str) -> None:
    """Give a packed bundle the form in which MONAI's model zoo has bundles.

    The zoo installs no package for a bundle, so that ``ctan_monai`` comes inside. Its weights lie elsewhere:
    ``large_files.yml`` says where, with their SHA-256.

    Args:
        root: folder of the packed bundle; is changed.
        url: address of the folder where the weights will lie; "": to be filled in.
    """
    shutil.copytree(_PACKAGE, root / _PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__", "bundles"))
    for path in (root / "configs").glob("*.json"):
        write_atomic(path, json.dumps(json.loads(path.read_text()), indent=4) + "\n")
    large = [
        {
            "path": f"models/{path.name}",
            "url": f"{url.rstrip('/')}/{path.name}" if url else "",
            "hash_val": file_sha256(path),
            "hash_type": "sha256",
        }
        for path in sorted((root / "models").iterdir())
    ]
    write_atomic(root / LARGE_FILES, yaml.safe_dump({"large_files": large}, sort_keys=False))
