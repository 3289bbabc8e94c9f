# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A preparation that was killed before any file operation can be repeated, and no list vouches for a mixture."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import run_tool

from ctan_monai.data.prepared import read_datalist
from ctan_monai.errors import DataError

# file operations at least: the figures of the smallest phantoms are some more
OPERATIONS = {"ham10000": (70, 100), "openkbp": (80, 80), "prostate": (80, 80), "stoic": (60, 60)}


def _enumerate(dataset: str, work: Path, step: int) -> None:
    result = run_tool("tests/robust/enumerate_recovery.py", dataset, str(work), "1", str(step))
    assert result.returncode == 0, result.stderr
    assert "fault" not in result.stdout, result.stdout
    first, second = (int(number) for number in re.findall(r"operations .*: (\d+)", result.stdout))
    least = OPERATIONS[dataset]
    assert first >= least[0] and second >= least[1]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("dataset", OPERATIONS)
def test_recovery_at_each_file_operation(dataset: str, tmp_path: Path) -> None:
    _enumerate(dataset, tmp_path, 1)


def test_recovery_at_some_file_operations(tmp_path: Path) -> None:
    _enumerate("ham10000", tmp_path, 25)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A release of HAM10000 and its prepared data."""
    work = tmp_path_factory.mktemp("photographs")
    release, prepared = work / "release", work / "prepared"
    assert run_tool("tools/make_phantom.py", "ham10000", "--output", str(release), "--patients", "21").returncode == 0
    assert _prepare(release, prepared).returncode == 0
    return release, prepared


def _prepare(release: Path, prepared: Path, *more: str) -> Any:
    return run_tool(
        "tools/prepare_data.py", "ham10000", "--source", str(release), "--output", str(prepared), "--size", "32", *more
    )


def test_training_compares_sizes_and_verify_all(photographs: tuple[Path, Path]) -> None:
    release, prepared = photographs
    before = {name: (prepared / name).read_bytes() for name in ("images.npy", "segmentations.npy")}
    cases = read_datalist(prepared, "test")
    mask = Path(cases[0]["mask"])
    content = mask.read_bytes()

    mask.write_bytes(content + b"x")
    with pytest.raises(DataError, match=rf"{mask.name}: has {len(content) + 1} bytes.*lists it with {len(content)}"):
        read_datalist(prepared, "test")
    mask.write_bytes(content[:-1] + b"x")  # of the same size: only the SHA-256 tells
    array = np.load(prepared / "images.npy", mmap_mode="r+")
    array[0, 0, 0, 0] ^= 1
    array.flush()
    assert read_datalist(prepared, "test") == cases

    again = _prepare(release, prepared, "--verify")
    assert again.returncode == 0, again.stderr
    assert mask.read_bytes() == content
    assert {name: (prepared / name).read_bytes() for name in before} == before


def test_a_list_of_an_earlier_version_is_read_but_not_verified(photographs: tuple[Path, Path]) -> None:
    release, prepared = photographs
    path = prepared / "datalist.json"
    text = path.read_text()
    content = json.loads(text)
    del content["files"]
    path.write_text(json.dumps(content))
    try:
        assert read_datalist(prepared, "test")
        refused = _prepare(release, prepared, "--verify")
        assert refused.returncode == 2 and "--verify" in refused.stderr
    finally:
        path.write_text(text)
