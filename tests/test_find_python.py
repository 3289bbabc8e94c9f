# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Which Python the Makefile takes, from stand-ins for what machines have."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from support import REPOSITORY

SCRIPT = REPOSITORY / "tools" / "find_python.sh"
VERSIONS = ["3.11", "3.12", "3.13"]


def find(folder: Path, pythons: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    """Runs the script where there are these Pythons only, by name: a version, "shim" or a version "without venv"."""
    for name, what in pythons.items():
        version, _, without = what.partition(" ")
        body = (
            "exit 127"
            if what == "shim"
            else f'case "$2" in *ensurepip*) exit {int(bool(without))};; esac\necho {version}'
        )
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    result = subprocess.run(
        ["/bin/sh", str(SCRIPT), *arguments], env={"PATH": str(folder)}, capture_output=True, text=True, check=False
    )
    return result.returncode, result.stdout.strip(), result.stderr.strip()


@pytest.mark.parametrize(
    ("pythons", "expected"),
    [
        ({"python3.11": "3.11", "python3.13": "3.13", "python3": "3.13"}, "python3.11"),
        ({"python3.11": "shim", "python3.12": "shim", "python3.13": "3.13"}, "python3.13"),
        ({"python3.11": "3.11 without venv", "python3.12": "3.12"}, "python3.12"),
        ({"python3": "3.13"}, "python3"),
    ],
)
def test_the_first_that_works(pythons: dict[str, str], expected: str, tmp_path: Path) -> None:
    assert find(tmp_path, pythons) == (0, expected, "")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_takes_a_python_and_a_checkout_of_any_path(tmp_path: Path) -> None:
    """The Python is a stand-in that makes an environment whose pip writes down what it is given."""
    checkout, python = tmp_path / "a #1 $b", tmp_path / "my $python"
    checkout.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "constraints.txt", "Makefile", "requirements", "tools", "ctan_monai"):
        (checkout / name).symlink_to(REPOSITORY / name)
    scripts = {
        "bin/pip": 'printf "%s|%s\\n" "$PIP_CONSTRAINT" "$*" >> pip.log',
        "bin/python": f'case "$2" in *torchvision*) exit ;; esac\nexec {sys.executable} "$@"',
        python.name: 'case "$2" in venv) ;; *ensurepip*) exit ;; *) echo 3.12; exit ;; esac\n'
        f'mkdir "$3" && cp -r "{tmp_path}/bin" "$3"',
    }
    (tmp_path / "bin").mkdir()
    for name, body in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    for target in (".venv/.installed", ".venv-label/.installed"):
        command = ["make", "-s", "--no-print-directory", target, f"PYTHON={python}"]
        done = subprocess.run(command, cwd=checkout, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    constraints = {line.partition("|")[0] for line in (checkout / "pip.log").read_text().splitlines()}
    assert constraints == {"", (checkout / "requirements" / "label.txt").as_uri()}


def test_a_given_one_goes_first(tmp_path: Path) -> None:
    assert find(tmp_path, {"python3.11": "3.11", "python3.12": "3.12"}, "python3.12") == (0, "python3.12", "")
    code, found, error = find(tmp_path, {"python3.11": "3.11", "python3.14": "3.14"}, "python3.14")
    assert (code, found) == (1, "") and "python3.14 is Python 3.14" in error


@pytest.mark.parametrize(
    ("pythons", "package"),
    [
        ({}, "apt-get install python3 python3-venv"),
        ({"python3": "3.9"}, "apt-get install python3 python3-venv"),
        ({"python3.11": "shim", "python3": "3.13 without venv"}, "apt-get install python3.13-venv"),
    ],
)
def test_what_is_missing_in_one_line(pythons: dict[str, str], package: str, tmp_path: Path) -> None:
    code, found, error = find(tmp_path, pythons)
    assert (code, found) == (1, "")
    assert error.startswith("error: ") and package in error and "\n" not in error


def test_one_range_everywhere(tmp_path: Path) -> None:
    config = ConfigParser()
    config.read(REPOSITORY / "setup.cfg")
    assert re.findall(r"Python :: (3\.\d+)", config["metadata"]["classifiers"]) == VERSIONS
    assert config["options"]["python_requires"] == ">=3.11,<3.14"
    assert "Python 3.11 to 3.13" in (REPOSITORY / "README.md").read_text()
    for version in ("3.10", *VERSIONS, "3.14"):
        assert (find(tmp_path, {"python3": version})[0] == 0) == (version in VERSIONS), version
