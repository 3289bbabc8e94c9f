# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from lesions import write_release
from support import run_tool

from ctan_monai.data.ham10000.baselines import MajorityClass, center_mask
from ctan_monai.data.ham10000.prepare import prepare_ham10000


def test_majority_class() -> None:
    assert MajorityClass([0, 2, 2, 2], 3).probabilities == [0.25, 0.0, 0.75]
    with pytest.raises(ValueError, match="no training image to count"):
        MajorityClass([], 3)


def disc(y: float, x: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:96, :128]
    return (rows - y) ** 2 + (columns - x) ** 2 < radius**2


def test_the_dark_region_at_the_center_is_found() -> None:
    image = np.full((96, 128, 3), 200, np.uint8)
    lesion = disc(48, 70, 20)
    image[lesion] = 80
    image[disc(48, 70, 6)] = 210  # a hole, which is filled
    image[disc(50, 25, 8)] = 80  # another one, farther off
    image[:10, :10] = 0  # a dark corner
    image[48, ::2] = 60  # hair
    found = center_mask(image)
    assert 2 * (found & lesion).sum() / (found.sum() + lesion.sum()) > 0.97


def test_an_image_of_one_color_has_no_lesion() -> None:
    assert not center_mask(np.full((32, 32, 3), 90, np.uint8)).any()


def test_tool_writes_the_files_of_an_evaluation(tmp_path: Path) -> None:
    prepare_ham10000(write_release(tmp_path / "in"), tmp_path / "data", (48, 64))
    output = tmp_path / "out"
    result = run_tool("tools/ham10000_baselines.py", "--dataset_dir", str(tmp_path / "data"), "--output", str(output))
    assert result.returncode == 0, result.stderr
    headline = json.loads(result.stdout.splitlines()[-1])
    content = json.loads((output / "baselines.json").read_text())
    assert headline["images"] == content["summary"]["images"] == len(content["images"])
    assert content["summary"]["diagnosis"]["balanced_accuracy"] == headline["balanced_accuracy"]
    assert {path.name for path in output.iterdir()} == {
        "baselines.json", "baselines_per_image.csv", "baselines_summary.csv", "baselines_confusion.csv"
    }  # fmt: skip
    result = run_tool("tools/ham10000_baselines.py", "--dataset_dir", str(tmp_path), "--output", str(output))
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: {tmp_path / 'datalist.json'}: no such file")
