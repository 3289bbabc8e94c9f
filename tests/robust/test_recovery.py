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

from ctan_monai.data.datalist import read_datalist
from ctan_monai.utils.errors import DataError

# file operations at least, into an empty folder and over other data: the smallest phantoms have some more
OPERATIONS = {"ham10000": (70, 100), "openkbp": (70, 70), "prostate": (70, 70), "stoic": (50, 60)}


def _kill(state: Path, *options: str) -> list[tuple[int, str, str]]:
    """Count, outcome and scenario of each row of the table."""
    result = run_tool("tests/torture/kills.py", "--state", str(state), *options)
    assert result.returncode == 0, result.stdout + result.stderr
    lines = re.findall(r"^ *(\d+) (recovered|refused, recovered|FAULT) +(.+)$", result.stdout, re.M)
    return [(int(count), outcome, what) for count, outcome, what in lines]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("dataset", OPERATIONS)
def test_recovery_at_each_file_operation(dataset: str, tmp_path: Path) -> None:
    rows = _kill(tmp_path, "--only", f"{dataset}, ", "--full")
    kills = {what: count for count, _, what in rows if what.endswith(": kill")}
    least = OPERATIONS[dataset]
    assert kills[f"{dataset}, into an empty folder: kill"] >= least[0]
    assert kills[f"{dataset}, over other data: kill"] >= least[1]


@pytest.mark.slow
def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    """And a sample of the kills, the torn files and the full disks of one preparation."""
    record = tmp_path / "kills.jsonl"
    for tries in (6, 12):
        rows = _kill(tmp_path, "--only", "ham10000, over", "--tries", "6")
        assert sum(count for count, _, _ in rows) == tries
    tried = [(one["mode"], one["point"]) for one in map(json.loads, record.read_text().splitlines())]
    assert len(set(tried)) == 12


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
