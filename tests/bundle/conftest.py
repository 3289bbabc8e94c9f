# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def run_tool(*arguments: str, cwd: Path = REPOSITORY, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run python with arguments as a user would, and return what it printed."""
    variables = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONWARNINGS": "ignore", **environment}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=variables, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared phantom data of three patients, one a split, made by the tools."""
    folder = tmp_path_factory.mktemp("phantom")
    release, prepared = str(folder / "release"), str(folder / "prepared")
    for command in (
        ["tools/make_phantom.py", "openkbp", "--output", release, "--patients", "3", "--seed", "1"],
        ["tools/prepare_data.py", "openkbp", "--source", release, "--output", prepared],
    ):
        result = run_tool(*command)
        assert result.returncode == 0, result.stdout + result.stderr
    return folder / "prepared"
