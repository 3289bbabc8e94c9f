# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What each part of a trained network is worth on validation, on small networks with a known answer."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ignite.engine import Engine, Events
from monai.data import DataLoader, Dataset
from monai.handlers import from_engine
from monai.transforms import Compose, FlattenSubKeysd

from ctan_monai.engines import MultiTaskEvaluator, PrepareMultiTaskBatch
from ctan_monai.handlers import FunctionalTest
from ctan_monai.handlers.functional_test import paired_interval
from ctan_monai.metrics import DoseScoreHandler, mean_score
from ctan_monai.networks import CTAN, HPS

TASKS = {"a": {"level": "pixel", "out_channels": 1}, "b": {"level": "pixel", "out_channels": 1}}
LOG = "ctan_monai.handlers.functional_test"


def make(method: Any, folder: Path, cases: int = 4, **options: Any) -> tuple[FunctionalTest, Any, list[str]]:
    """The handler on a network whose own outputs, as it is now, are the reference: everything it uses counts."""
    torch.manual_seed(0)
    network = method(2, 1, TASKS, "resnet18_half", "conv7x7", **options)
    images = torch.rand(cases, 1, 64, 64)
    with torch.no_grad():
        for _ in range(3):
            network(images)
        for decoder in network.decoders.values():
            decoder.head.layer.bias.fill_(5.0)  # a dose is above 0
        targets = network.eval()(images)
    data = Dataset([{"image": images[i], **{task: targets[task][i] for task in TASKS}} for i in range(cases)])
    seen: list[str] = []

    class Log:
        def attach(self, engine: Engine) -> None:
            engine.add_event_handler(Events.EPOCH_COMPLETED, lambda: seen.append("logged"))

    metrics = {
        task: DoseScoreHandler(from_engine([f"pred_{task}", f"label_{task}"]), save_details=False) for task in TASKS
    }
    validator = MultiTaskEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(data, batch_size=1),
        network=network,
        prepare_batch=PrepareMultiTaskBatch(list(TASKS)),
        postprocessing=Compose([FlattenSubKeysd(keys=k, prefix=k) for k in ("pred", "label")]),
        key_val_metric={"score": mean_score(metrics)},
        additional_metrics=metrics,
        amp=False,
        val_handlers=[Log()],
    )
    torch.save(network.state_dict(), folder / "model.pt")
    return FunctionalTest(folder / "model.pt", validator), network, seen


def test_every_part_of_a_network_that_uses_it_is_worth_something(tmp_path: Path) -> None:
    handler, _, seen = make(CTAN, tmp_path)
    (tmp_path / "training.json").write_text(json.dumps({"seed": 0}))
    trainer = Engine(lambda engine, batch: None)
    handler.attach(trainer)
    trainer.run([0], max_epochs=1)
    record = json.loads((tmp_path / "training.json").read_text())
    assert record["seed"] == 0, "the record is kept"
    result = record["functional_test"]
    assert [result[key] for key in ("score", "a", "b")] == pytest.approx([1.0] * 3, abs=1e-4)
    assert result["cases"] == 4
    assert list(result["parts"]) == [
        "stage4", "masks1", "masks2", "masks3", "masks4", "ctab", "equation2", "equation2_mean", "other_task"
    ]  # fmt: skip
    for part, value in result["parts"].items():
        assert value["loss"] > 0, part
        assert value["loss"] == pytest.approx((value["a_loss"] + value["b_loss"]) / 2)
        assert value["interval"][0] <= value["loss"] <= value["interval"][1]
    assert seen == [], "the validation's own logs are left alone"
    handler.validator.run()
    assert seen == ["logged"] and handler.validator.state.metrics["score"] == pytest.approx(1.0, abs=1e-4)


def test_a_part_that_nothing_depends_on_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    handler, network, _ = make(CTAN, tmp_path)
    with torch.no_grad():
        for projection in network.bottleneck.projections:
            projection.adn.N.weight.zero_()
            projection.adn.N.bias.zero_()
    caplog.set_level(logging.WARNING, LOG)
    parts = handler.measure(network)["parts"]
    assert parts["equation2"]["loss"] == parts["other_task"]["loss"] == 0
    assert parts["equation2"]["interval"] == [0, 0]
    assert "without equation2 (" in caplog.text and "without other_task (" in caplog.text
    assert parts["masks1"]["loss"] != 0


def test_the_best_network_is_tested_and_the_last_one_remains(tmp_path: Path) -> None:
    handler, network, _ = make(HPS, tmp_path)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(0.5)
    last = {name: value.clone() for name, value in network.state_dict().items()}
    handler(Engine(lambda engine, batch: None))
    result = json.loads((tmp_path / "training.json").read_text())["functional_test"]
    assert result["score"] == pytest.approx(1.0, abs=1e-4)
    assert list(result["parts"]) == ["stage4"]
    assert all(torch.equal(value, last[name]) for name, value in network.state_dict().items())


def test_interval_by_hand() -> None:
    """Differences 1, 2, 3: mean 2, standard error 1 / sqrt(3), t of two degrees of freedom 4.30265."""
    low, high = paired_interval(np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0])) or []
    assert (low, high) == pytest.approx((2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5), abs=1e-4)
    assert paired_interval(np.array([1.0, np.nan]), np.array([0.0, 0.0])) is None
    assert paired_interval(None, None) is None


def test_it_can_be_left_out(tmp_path: Path) -> None:
    handler, _, _ = make(HPS, tmp_path)
    trainer = Engine(lambda engine, batch: None)
    FunctionalTest(False, handler.validator).attach(trainer)
    trainer.run([0], max_epochs=1)
    assert not (tmp_path / "training.json").exists()
    with pytest.raises(ValueError, match="or false"):
        FunctionalTest(True, handler.validator)
