# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Packing: the same wheel each time, and nothing left of a process that was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctan_monai.packing.pack import _build_wheel, _working_folder
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
def test_the_wheel_is_the_same_each_time(repository: Path, tmp_path: Path) -> None:
    digests = set()
    for name in ("a", "b"):
        wheels = tmp_path / name / "openkbp" / "wheels"
        wheels.mkdir(parents=True)
        _build_wheel(repository, wheels)
        (wheel,) = wheels.iterdir()
        digests.add(file_sha256(wheel))
    assert len(digests) == 1
