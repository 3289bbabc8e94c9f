# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""One file a training: TensorBoard's loaders follow the newest alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Engine
from support import run_tool
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ctan_monai.handlers import TensorBoardStats, ValidationPicture
from ctan_monai.handlers.summary_writer import summary_writer


def test_one_file_has_all_points(tmp_path: Path) -> None:
    def validate(engine: Engine, batch: int) -> list[dict[str, torch.Tensor]]:
        return [{"image": torch.rand(1, 8, 8)}]

    trainer, evaluator = Engine(lambda engine, batch: {"loss": 0.5}), Engine(validate)
    TensorBoardStats(tmp_path, output_transform=lambda output: output["loss"]).attach(trainer)
    TensorBoardStats(tmp_path).attach(evaluator)
    ValidationPicture(str(tmp_path), {}).attach(evaluator)
    assert not list(tmp_path.iterdir())  # nothing is written yet
    for epoch in range(1, 4):
        trainer.run([0, 1], max_epochs=epoch)
        evaluator.state.metrics = {"score": 0.1 * epoch}
        evaluator.run([0], max_epochs=epoch)
    summary_writer(tmp_path).close()
    (file,) = tmp_path.iterdir()
    events = EventAccumulator(str(file), size_guidance={"images": 0})
    events.Reload()
    assert len(events.Images("validation_case")) == 3
    assert len(events.Scalars("train_loss" if "train_loss" in events.Tags()["scalars"] else "Loss")) == 6


@pytest.mark.parametrize("bundle", ["ham10000", "openkbp", "prostate", "stoic"])
def test_every_bundle_writes_one(bundle: str, repository: Path) -> None:
    config: dict[str, Any] = json.loads((repository / "bundles" / bundle / "configs" / "train.json").read_text())
    for part in ("train", "validate"):
        handler = config[part]["named_handlers"]["tensorboard"]
        assert handler["_target_"] == "ctan_monai.handlers.TensorBoardStats" and handler["log_dir"] == "@log_dir"


def test_the_thread_of_a_writer_does_not_tell_of_a_full_disk_again() -> None:
    """The main thread reports it in one line."""
    code = (
        "import errno, os, threading\n"
        "from ctan_monai.bundle.error_report import show_cause_last\n"
        "show_cause_last()\n"
        "def fail():\n"
        "    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), 'x')\n"
        "def other():\n"
        "    raise ValueError('a fault')\n"
        "for target in (fail, other):\n"
        "    thread = threading.Thread(target=target)\n"
        "    thread.start()\n"
        "    thread.join()\n"
    )
    printed = run_tool("-c", code).stderr
    assert "No space left" not in printed and "ValueError: a fault" in printed
