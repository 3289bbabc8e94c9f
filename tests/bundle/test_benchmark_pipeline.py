# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

from support import run_tool


def test_figures_of_a_bundles_training_pipeline(ham10000_phantom: Path, tmp_path: Path) -> None:
    result = run_tool(
        "tools/benchmark_pipeline.py", "--bundle", "ham10000", "--dataset_dir", str(ham10000_phantom),
        "--size", "96", "128", "--batches", "1", "--workers", "0", "--output", str(tmp_path / "out.json"),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    content = json.loads((tmp_path / "out.json").read_text())
    (row,) = content["rows"]
    assert row["loader_samples_per_second"] > row["training_samples_per_second"] > 0
    assert 0 < row["waiting_fraction"] < 1
    assert content["provenance"]["config"]["size"] == [96, 128]
