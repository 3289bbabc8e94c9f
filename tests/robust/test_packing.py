# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Packing: the same zip each time, and nothing left of a process that was killed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support import run_tool

from ctan_monai.packing.pack import _working_folder
from ctan_monai.utils.files import file_sha256


def test_the_working_folder_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    left = tmp_path / ".packing.x.zip" / "openkbp" / "models"
    left.mkdir(parents=True)
    (left / "model.pt").write_bytes(b"x" * 1000)
    with _working_folder(tmp_path / "x.zip") as folder:
        assert not list(folder.iterdir())
        (folder / "openkbp").mkdir()
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_zip_is_the_same_each_time(repository: Path, tmp_path: Path) -> None:
    """Weights, configs, texts and the wheel, without exports."""
    checkpoint = repository / "bundles" / "openkbp" / "models" / "ctan_small" / "model.pt"
    digests = set()
    for name in ("a", "b"):
        path = tmp_path / name / "openkbp.zip"  # its name stands in the README
        path.parent.mkdir()
        arguments = ["openkbp", "--checkpoint", str(checkpoint), "--half", "--formats", "--output", str(path)]
        done = run_tool("tools/pack_bundle.py", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        digests.add(file_sha256(path))
        time.sleep(2.1)  # two seconds are one step of the times in a zip
    assert len(digests) == 1
