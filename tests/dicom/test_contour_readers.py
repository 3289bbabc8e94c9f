# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Rings, keyholes, overlaps, gaps and jitter, by our reader, by geometry, and by plastimatch and dicompyler-core.

plastimatch is taken from the path or CTAN_PLASTIMATCH; CTAN_DICOMPYLER_PYTHON names the python of dicompyler-core, see
tests/label/dvh_dicompyler.py.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

import pytest
from support import REPOSITORY, run_tool

pytestmark = pytest.mark.slow
PLASTIMATCH = os.environ.get("CTAN_PLASTIMATCH") or shutil.which("plastimatch")
DICOMPYLER = os.environ.get("CTAN_DICOMPYLER_PYTHON")
ON_CENTERS = "centers: a square through pixel centers"
# Where the others differ by their own conventions; in all other cases they read as we do
PLASTIMATCH_DIFFERS = {
    "ring of two contours": "takes the union: no holes but keyholes",
    "ring of two contours, the hole first": "likewise",
    "ring with an island": "likewise",
    "ring of CLOSEDPLANAR_XOR": "leaves out what is not CLOSED_PLANAR",
    "overlap of two discs, CLOSEDPLANAR_XOR": "likewise",
    "gap: contours on every second slice": "does not interpolate",
    "gap: a slice missing": "likewise",
    ON_CENTERS: "takes two of four sides as inside, and we all four",
}
DICOMPYLER_DIFFERS = {
    "overlap of two discs": "combines by exclusive or",
    "overlap: a contour twice": "likewise",
    "gap: contours on every second slice": "makes each slice twice as thick, and so the outermost ones, too",
    "gap: a slice missing": "does not interpolate",
    "jitter of 0.02 mm between two contours of a slice": "takes them as two slices, 0.02 mm apart",
    ON_CENTERS: "takes some of the pixels on the outline as inside",
}


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the tool finds with the programs that are there."""
    output = tmp_path_factory.mktemp("readers") / "readers.json"
    options = [f"--plastimatch={PLASTIMATCH}"] if PLASTIMATCH else []
    options += [f"--dicompyler={DICOMPYLER}"] if DICOMPYLER else []
    done = run_tool("tools/compare_contour_readers.py", *options, "--output", str(output))
    assert done.returncode == 0, done.stderr
    return dict(json.loads(output.read_text())["cases"])


def test_ours_by_geometry(table: dict[str, dict[str, Any]]) -> None:
    assert len(table) == 16
    for case, row in table.items():
        if "geometry_cc" in row and case != ON_CENTERS:  # a pixel counts as a whole
            assert row["ours_cc"] == pytest.approx(row["geometry_cc"], rel=0.03), case
    # 21 x 21 pixels in place of 20 x 20: 10 % more
    assert table[ON_CENTERS]["ours_cc"] / table[ON_CENTERS]["geometry_cc"] == pytest.approx(21**2 / 20**2, rel=1e-3)


@pytest.mark.skipif(PLASTIMATCH is None, reason="plastimatch is absent (apt-get install plastimatch)")
def test_plastimatch(table: dict[str, dict[str, Any]]) -> None:
    for case, row in table.items():
        assert (row["dice"] == 1) == (case not in PLASTIMATCH_DIFFERS), f"{case}: {row}"


@pytest.mark.skipif(DICOMPYLER is None, reason="dicompyler-core is absent (set CTAN_DICOMPYLER_PYTHON)")
def test_dicompyler(table: dict[str, dict[str, Any]]) -> None:
    for case, row in table.items():
        same = row["dicompyler_cc"] == pytest.approx(row["ours_cc"], abs=0.013)  # a voxel
        assert same == (case not in DICOMPYLER_DIFFERS), f"{case}: {row}"


def test_committed_figures_are_of_these_cases(table: dict[str, dict[str, Any]]) -> None:
    committed = json.loads((REPOSITORY / "docs" / "results" / "contour_readers.json").read_text())["cases"]
    assert {case: row["ours_cc"] for case, row in committed.items()} == {
        case: row["ours_cc"] for case, row in table.items()
    }
