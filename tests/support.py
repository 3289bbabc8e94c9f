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
