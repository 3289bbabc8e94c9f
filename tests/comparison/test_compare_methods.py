# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The comparison as a user runs it, on phantom data."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support import REPOSITORY, run_tool

from ctan_monai.comparison import Run, Runner, load_result
from ctan_monai.handlers import EpochLog
from ctan_monai.metrics import TaskMetric
from ctan_monai.utils.errors import DataError

CONFIGS = REPOSITORY / "bundles" / "openkbp" / "configs"
HPS = Run("HPS", ("segmentation", "dose"), "DWA", 0)


def command(phantom: Path, output: Path, *more: str) -> list[str]:
    return [
        "tools/compare_methods.py", "--bundle", "openkbp", "--dataset_dir", str(phantom), "--output", str(output),
        "--config_file", str(CONFIGS / "smoke.json"), "--methods", "HPS", "--reference", "paper",
        "--set", "max_epochs=2", "batch_size=16", "num_workers=0", *more,
    ]  # fmt: skip


def interrupt_after_first_epoch(arguments: list[str], run: Path) -> None:
    """Start the command, and stop it, as a batch system does, when the first epoch is in its checkpoint."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 500
    while not (run / "checkpoint.pt").is_file():
        assert process.poll() is None, "it ended before its first epoch"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 143


def test_an_interrupted_comparison_ends_with_the_same_table(phantom: Path, tmp_path: Path) -> None:
    """Also in folders whose names MONAI or python-fire would take for code or comments."""
    data, tmp_path = tmp_path / "$data #1", tmp_path / "@runs #2 %3"
    shutil.copytree(phantom, data)
    phantom = data
    whole = run_tool(*command(phantom, tmp_path / "whole"))
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "hps_dwa_seed0 epoch 2/2: " in whole.stdout
    assert "| HPS (dwa) |" in whole.stdout

    broken = tmp_path / "broken"
    interrupt_after_first_epoch(command(phantom, broken), broken / "hps_dwa_seed0")
    assert len(EpochLog.read(broken / "hps_dwa_seed0" / "training_log.csv")) == 1
    assert not (broken / "results" / "hps_dwa_seed0.json").exists()
    again = run_tool(*command(phantom, broken))
    assert again.returncode == 0, again.stdout + again.stderr

    def rows(folder: Path) -> list[dict]:
        table = json.loads((folder / "table.json").read_text())["rows"]
        for row in table:
            del row["training_seconds"], row["validation_seconds"]
        return table

    assert rows(broken) == rows(tmp_path / "whole")
    third = run_tool(*command(phantom, broken))
    assert "hps_dwa_seed0: finished before" in third.stdout
    other = run_tool(*command(phantom, broken, "learning_rate=0.5"))
    assert other.returncode == 2
    assert "begun with other settings (learning_rate None and now 0.5)" in other.stderr
    plan = run_tool(*command(phantom, broken, "--dry-run", "--seeds", "0", "1"))
    assert plan.returncode == 0, plan.stderr
    assert "hps_dwa_seed0: finished\nhps_dwa_seed1: about " in plan.stdout
    assert not (broken / "hps_dwa_seed1").exists(), "a plan writes nothing"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset_dir", "nowhere"], "nowhere: no such dataset folder"),
        (["--config_file", "nothing.json"], "nothing.json: no such config file"),
        (["--set", "max_epochs"], "expected key=value"),
        (["--set", 'windows=[["$x"]]'], "'$x' is code to MONAI"),
        (["--set", "seed=5"], "--set seed=5: give it by --seeds."),
        (["--set", "method=CTAN"], "--set method=CTAN: give it by --methods."),
        (
            ["--results", "setup.cfg"],
            "cannot write to the output folder 'setup.cfg' (it is a file): choose another one with --res",
        ),
    ],
)
def test_bad_arguments(phantom: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    result = run_tool(*command(phantom, tmp_path), *arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:100], "(Expecting"),
        (lambda text: "[]", "it lacks"),
        (lambda text: "\x00", "(Expecting"),
        (lambda text: text.replace('"seed": 0', '"seed": 1', 1), "it is of hps_dwa, seed 1"),
        (lambda text: text.replace('"dose"', '"diagnosis"'), "tasks diagnosis, segmentation"),
        (lambda text: json.dumps(json.loads(text) | {"values": {"segmentation": math.nan, "dose": 0.5}}), "NaN"),
    ],
    ids=["truncated", "list", "binary", "other-seed", "other-bundle", "nan"],
)
def test_a_file_that_is_no_result_of_the_run(tmp_path: Path, change: Callable[[str], str], message: str) -> None:
    path = tmp_path / "hps_dwa_seed0.json"
    text = (REPOSITORY / "docs" / "results" / "runs" / "openkbp" / path.name).read_text()
    path.write_text(text)
    assert load_result(path, HPS)["row"] == "hps_dwa"
    path.write_text(change(text))
    with pytest.raises(DataError) as caught:
        load_result(path, HPS)
    assert str(caught.value).startswith(
        f"{path}: is not a result of hps_dwa, seed 0, with the tasks segmentation, dose ("
    )
    assert message in str(caught.value)


def test_a_run_that_fails_names_its_log(phantom: Path, tmp_path: Path) -> None:
    metrics = {"segmentation": TaskMetric("dice", "Dice (%)", True), "dose": TaskMetric("mae", "MAE (Gy)", False)}
    values = {"dataset_dir": str(phantom), "backbone": "resnet9"}
    runner = Runner(CONFIGS, tmp_path, metrics, tmp_path / "results", [CONFIGS / "smoke.json"], values, lambda _: None)
    with pytest.raises(DataError, match=r"training.log: training failed with exit code 1: .*resnet9"):
        runner.run([HPS])
