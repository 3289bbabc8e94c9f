# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The small network that comes with the repository, trained on real OpenKBP patients."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from support import REPOSITORY, run_tool

from ctan_monai.networks import CTAN

FOLDER = REPOSITORY / "bundles" / "openkbp" / "models" / "ctan_small"
CONFIGS = REPOSITORY / "bundles" / "openkbp" / "configs"


def test_they_are_small_half_precision_and_complete() -> None:
    assert (FOLDER / "model.pt").stat().st_size < 25e6, "the model zoo's limit of a file"
    state = torch.load(FOLDER / "model.pt", weights_only=True)
    assert {v.dtype for v in state.values() if v.is_floating_point()} == {torch.float16}
    record = json.loads((FOLDER / "training.json").read_text())
    values = record["values"]
    tasks = {"segmentation": {"level": "pixel", "out_channels": 5}, "dose": {"level": "pixel", "out_channels": 1}}
    network = CTAN(2, 3, tasks, backbone=values["backbone"], stem=values["stem"])
    network.load_state_dict(state)
    assert record["parameters"] == sum(p.numel() for p in network.parameters())
    assert record["data"]["licence"].startswith("MIT") and record["data"]["cases"]["training"] == 158
    assert all(torch.isfinite(v).all() for v in state.values())


def test_a_real_patient_gives_what_the_evaluation_states(openkbp_source: Path, tmp_path: Path) -> None:
    """The whole path, from the official files of one test patient: half precision changes nothing to speak of."""
    stated = json.loads((FOLDER / "evaluation" / "evaluation.json").read_text())["patients"]
    name = min(stated, key=lambda case: int(case.removeprefix("pt_")))
    for split, patient in (("train-pats", None), ("validation-pats", None), ("test-pats", name)):
        source = openkbp_source / split
        patient = patient or sorted(path.name for path in source.iterdir())[0]
        shutil.copytree(source / patient, tmp_path / "source" / split / patient)
    prepared, evaluation = tmp_path / "prepared", tmp_path / "evaluation"
    record = json.loads((FOLDER / "training.json").read_text())["values"]
    files = str([str(CONFIGS / f"{part}.json") for part in ("train", "cpu", "evaluate")])
    for command in (
        ["tools/prepare_data.py", "openkbp", "--source", str(tmp_path / "source"), "--output", str(prepared)],
        ["-m", "monai.bundle", "run", "evaluating", "--config_file", files, "--dataset_dir", str(prepared),
         "--backbone", record["backbone"], "--checkpoint", str(FOLDER / "model.pt"), "--num_workers", "0",
         "--output_dir", str(tmp_path), "--evaluation_dir", str(evaluation)],
    ):  # fmt: skip
        done = run_tool(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    measured = json.loads((evaluation / "evaluation.json").read_text())["patients"][name]
    for metric, tolerance in (("dice", 0.3), ("mae_body", 0.05), ("dose_score", 0.05), ("dvh_error", 0.1)):
        assert measured[metric] == pytest.approx(stated[name][metric], abs=tolerance), metric
