# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The wheel of this package, of which a recipient of a packed bundle gets a copy."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from datetime import UTC, datetime
from importlib.metadata import distribution
from pathlib import Path

from ctan_monai.utils.errors import DataError

__all__ = ["DATE", "build_wheel", "write_wheel"]

DATE = (2026, 1, 1, 0, 0, 0)  # of all files: the same bundle is the same zip
_REPOSITORY = Path(__file__).resolve().parents[2]
_SOURCES = ("ctan_monai", "bundles", "setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE")
_WEIGHTS = re.compile(r"ctan_monai/bundles/\w+/models/")
# what pip adds where it installs
_OF_PIP = re.compile(r"(^|/)(__pycache__/|RECORD$|INSTALLER$|REQUESTED$|direct_url\.json$|uv_cache\.json$)|^\.\./")


def write_wheel(folder: Path) -> None:
    """Write the wheel of this package, without the weights of the bundles that come with it.

    In a clone pip builds it; an installed package has the files of its own.
    """
    if (_REPOSITORY / "setup.cfg").is_file():
        build_wheel(_REPOSITORY, folder)
    else:
        _repack_wheel(folder)


def _repack_wheel(folder: Path) -> None:
    """The wheel from which this package was installed, of its files."""
    package = distribution("ctan-monai")
    files = sorted(str(path) for path in package.files or [] if not _OF_PIP.search(str(path)))
    files = [name for name in files if not _WEIGHTS.match(name)]
    (info,) = {name.partition("/")[0] for name in files if name.partition("/")[0].endswith(".dist-info")}
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{info}/RECORD,,"]
    name = f"{info.removesuffix('.dist-info')}-py3-none-any.whl"
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file in files:
            content = Path(str(package.locate_file(file))).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            lines.append(f"{file},sha256={digest},{len(content)}")
            _write(wheel, file, content)
        _write(wheel, f"{info}/RECORD", ("\n".join(lines) + "\n").encode())


def _write(wheel: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    wheel.writestr(entry, content)


def build_wheel(repository: Path, folder: Path) -> None:
    """Build the wheel of a clone; DataError where pip cannot."""
    # a build in place would leave folders in the checkout
    with tempfile.TemporaryDirectory(dir=folder.parent.parent) as build:
        copy = Path(build) / "source"
        copy.mkdir()
        for name in _SOURCES:
            source = repository / name
            if source.is_dir():
                shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", "models"))
            else:
                shutil.copy(source, copy)
        # pip takes "~" for a home folder, and ";" and "[" in a source's path for more than a path
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder.absolute())]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(int(datetime(*DATE, tzinfo=UTC).timestamp()))}
        done = subprocess.run([*command, "."], cwd=copy, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise DataError(f"pip could not build the wheel of ctan_monai: {done.stderr.strip().splitlines()[-1:]}")
