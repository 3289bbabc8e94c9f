# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What each part of a trained network is worth on validation, on small networks with a known answer."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Engine, Events
from monai.data import DataLoader, Dataset
from monai.handlers import from_engine
from monai.transforms import Compose, FlattenSubKeysd, SelectItemsd

from ctan_monai.engines import MultiTaskEvaluator, PrepareMultiTaskBatch
from ctan_monai.handlers import FunctionalTest
from ctan_monai.metrics import BalancedAccuracyHandler, DoseScoreHandler, mean_score
from ctan_monai.networks import CTAN, HPS, STL

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


def test_a_task_without_case_values_has_an_interval_over_lesions(tmp_path: Path) -> None:
    """Labels are the network's own classes as it is; lesions of two images each, then all of one."""
    torch.manual_seed(0)
    network = STL(2, 1, {"d": {"level": "image", "out_channels": 3}}, "resnet18_half", "conv7x7")
    images = torch.rand(12, 1, 32, 32) * torch.linspace(0.1, 3, 12)[:, None, None, None]
    with torch.no_grad():
        for _ in range(3):
            network(images)
        network.eval()
        logits = network(images)["d"]
        network.decoders["d"].head.layer.bias -= logits.mean(0)
        labels = network(images)["d"].argmax(1)
    assert len(labels.unique()) > 1

    def interval(lesions: list[str]) -> dict[str, Any]:
        data = [
            {"image": image, "d": label, "facts": {"lesion_id": lesion}}
            for image, label, lesion in zip(images, labels, lesions, strict=True)
        ]
        metrics = {"d": BalancedAccuracyHandler(from_engine(["pred_d", "label_d"]), save_details=False)}
        validator = MultiTaskEvaluator(
            device=torch.device("cpu"),
            val_data_loader=DataLoader(Dataset(data, SelectItemsd(["image", "d"])), batch_size=5),
            network=network,
            prepare_batch=PrepareMultiTaskBatch(["d"]),
            postprocessing=Compose([FlattenSubKeysd(keys=k, prefix=k) for k in ("pred", "label")]),
            key_val_metric={"score": mean_score(metrics)},
            additional_metrics=metrics,
            amp=False,
        )
        result = FunctionalTest(tmp_path / "model.pt", validator).measure(network)
        assert (result["score"], result["cases"]) == (1, 12)
        return result["parts"]["stage4"]

    part = interval([str(i // 2) for i in range(12)])
    assert 0 <= part["interval"][0] < part["loss"] < part["interval"][1] <= 1
    assert interval(["one"] * 12)["interval"] is None


def test_it_can_be_left_out(tmp_path: Path) -> None:
    handler, _, _ = make(HPS, tmp_path)
    trainer = Engine(lambda engine, batch: None)
    FunctionalTest(False, handler.validator).attach(trainer)
    trainer.run([0], max_epochs=1)
    assert not (tmp_path / "training.json").exists()
    with pytest.raises(ValueError, match="or false"):
        FunctionalTest(True, handler.validator)
