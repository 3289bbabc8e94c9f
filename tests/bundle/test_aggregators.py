# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Each aggregator of TorchJD with each multi-task method: trained, recorded, and resumed exactly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from support import run_tool

from ctan_monai.handlers.gradient_aggregation import AGGREGATORS

CASES = [
    pytest.param(aggregator, method, marks=[] if (aggregator, method) == ("UPGrad", "HPS") else pytest.mark.slow)
    for aggregator in AGGREGATORS
    for method in ("HPS", "MTAN", "CTAN")
]


def train(data: Path, output: Path, *arguments: str) -> None:
    files = "['bundles/ham10000/configs/train.json','bundles/ham10000/configs/smoke.json']"
    run = ["-m", "monai.bundle", "run", "training", "--config_file", files, "--dataset_dir", str(data)]
    done = run_tool(*run, "--output_dir", str(output), "--num_workers", "0", *arguments)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.parametrize(("aggregator", "method"), CASES)
def test_trains_and_resumes_exactly(aggregator: str, method: str, ham10000_phantom: Path, tmp_path: Path) -> None:
    pytest.importorskip("torchjd")
    names = ["--weighting", aggregator, "--method", method]
    names += ["--final_learning_rate", "0.001"]  # constant: its schedule depends on max_epochs
    train(ham10000_phantom, tmp_path / "whole", *names, "--max_epochs", "2")
    train(ham10000_phantom, tmp_path / "parts", *names, "--max_epochs", "1")
    train(ham10000_phantom, tmp_path / "parts", *names, "--max_epochs", "2", "--resume", "True")
    record = json.loads((tmp_path / "parts" / "training.json").read_text())
    assert record["values"]["weighting"] == aggregator
    whole, parts = (
        torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["objects"]["network"]
        for name in ("whole", "parts")
    )
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
