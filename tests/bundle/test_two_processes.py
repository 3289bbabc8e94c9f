# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Training by two processes (torchrun on CPU, gloo)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support import run_tool

from ctan_monai.handlers import EpochLog


def train(bundle: str, *arguments: str) -> str:
    names = str([f"bundles/{bundle}/configs/{name}.json" for name in ("train", "smoke", "multi_gpu_train")])
    result = run_tool(
        "-m", "torch.distributed.run", "--standalone", "--nnodes=1", "--nproc_per_node=2",
        "-m", "monai.bundle", "run", "training", "--config_file", names, "--num_workers", "0", *arguments,
        OMP_NUM_THREADS="1",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout


def test_two_processes_train_with_equal_weights(phantom: Path, tmp_path: Path) -> None:
    """Three epochs, so that DWA moves; both ranks print their weights."""
    output = train(
        "openkbp", "--dataset_dir", str(phantom), "--output_dir", str(tmp_path), "--max_epochs", "3",
        "--batch_size", "16", "--finalize",
        "['$print(f\"weights {@loss_function.weights.tolist()}\")','$ctan_monai.bundle.stop_distributed()']",
    )  # fmt: skip
    weights = re.findall(r"weights \[([^\]]+)\]", output)
    assert len(weights) == 2
    assert weights[0] == weights[1]
    first = [float(w) for w in weights[0].split(",")]
    assert sum(first) == pytest.approx(2.0, abs=1e-5)
    assert first[0] != 1.0
    rows = EpochLog.read(tmp_path / "training_log.csv")
    assert [r["epoch"] for r in rows] == ["1", "2", "3"]


@pytest.mark.slow
def test_two_processes_train_on_folded_slices(stoic_phantom: Path, tmp_path: Path) -> None:
    paths = ["--dataset_dir", str(stoic_phantom), "--output_dir", str(tmp_path)]
    train("stoic", *paths, "--max_epochs", "1", "--slices", "2", "--batch_size", "4")
    (row,) = EpochLog.read(tmp_path / "validation_log.csv")
    assert 0 <= float(row["score"]) <= 1
