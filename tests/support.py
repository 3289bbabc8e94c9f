# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What several tests use: running the project's commands as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def run_tool(*arguments: str, cwd: Path = REPOSITORY, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run python with arguments as a user would, and return what it printed."""
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONWARNINGS": "ignore", **environment}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=variables, capture_output=True, text=True, timeout=600, check=False
    )


def bundle_run(bundle: str, run_id: str, files: list[str], *arguments: str, inside: bool = False) -> str:
    """Run a bundle by the command line; returns its output, or fails with it.

    Args:
        bundle: its name.
        run_id: of the config; empty: the default.
        files: names of its configs.
        arguments: further ones.
        inside: from the bundle's folder; else from the repository's root.
    """
    folder = "configs" if inside else f"bundles/{bundle}/configs"
    names = str([f"{folder}/{name}.json" for name in files])
    cwd = REPOSITORY / "bundles" / bundle if inside else REPOSITORY
    identifier = [run_id] if run_id else []
    result = run_tool("-m", "monai.bundle", "run", *identifier, "--config_file", names, *arguments, cwd=cwd)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout + result.stderr


def packed_small_network(folder: Path) -> Path:
    """The network that comes with the repository, packed and unpacked as its recipient gets it; its folder."""
    checkpoint = REPOSITORY / "bundles" / "openkbp" / "models" / "ctan_small" / "model.pt"
    archive = folder / "openkbp.zip"
    arguments = ["openkbp", "--checkpoint", str(checkpoint), "--half", "--formats", "--output", str(archive)]
    done = run_tool("tools/pack_bundle.py", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    return folder / "openkbp"


# Names of files and folders that a parser of configs or of command lines could take for more than a name
ODD_NAMES = (
    "$__import__('os')._exit(3)",
    "$import os",
    "@bundle_root",
    "%train.json",
    "scan#2",
    "results #3",
    "a@#b",
    'it\'s "#1"',
    "back\\x23slash#",
    "12345",
    "True",
    "SMITH,JOHN",
    "{a: b}",
    "-5",
    "--output_dir",
    "a::b",
    "a@::b",
    "~",
    "~root",
    "a$b$",
    "*?[c]",
    "a;b ",
    "'quoted'",
)
