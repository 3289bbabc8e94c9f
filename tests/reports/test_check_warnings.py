# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from support import REPOSITORY, run_tool

from ctan_monai.data import read_datalist

sys.path.insert(0, str(REPOSITORY / "tools"))
from check_warnings import flags, shape_figures


def test_figures_of_a_shape_by_hand() -> None:
    labels, body = np.zeros((20, 16, 10), np.uint8), np.zeros((20, 16, 10), bool)
    labels[2:4, 5:9, 1:4], labels[10:12, 5:9, 6:9] = 1, 2
    body[:, 2:14] = True
    found = shape_figures(labels, body, np.array([2.0, 3.0, 5.0]), {"a": 1, "b": 2, "none": 3})
    assert set(found) == {"a", "b"}
    assert found["a"] == pytest.approx(
        {
            "volume": 24 * 0.03,
            "extent x": 4,
            "extent y": 12,
            "extent z": 15,
            "place x": (2.5 - 9.5) * 2,
            "place y": (6.5 - 7.5) * 3,
            "place from b": (2 - 7) * 5,
        }
    )


def test_the_halves_of_a_cut_organ() -> None:
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[4:8, 4:8, 4:8] = 1
    assert flags(labels, np.diag([-2.0, -2, 2, 1]), "a", {"a": 1}, labels == 1) == {"cut": 4, "cut, flagged": 4}
    assert flags(labels, np.diag([-2.0, -2, 2, 1]), "b", {"a": 1, "b": 2}, labels == 1)["cut, flagged"] == 0


@pytest.mark.slow
def test_counts_of_phantoms(phantom: Path, tmp_path: Path) -> None:
    model = REPOSITORY / "bundles" / "openkbp" / "models" / "ctan_small" / "model.pt"
    result = run_tool(
        "tools/check_warnings.py", "--dataset_dir", str(phantom), "--checkpoint", str(model), "--sections", "test",
        "--output", str(tmp_path / "found.json"),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    counts = json.loads((tmp_path / "found.json").read_text())["counts"]
    (case,) = read_datalist(phantom, "test")
    brainstem, cord, right, left = case["segmentation_present"]
    assert sum(counts.get(kind, 0) for kind in ("bad", "between", "good")) == brainstem + cord + right + left
    assert counts["whole"] == brainstem + right + left and counts["cut"] == 4 * counts["whole"]
