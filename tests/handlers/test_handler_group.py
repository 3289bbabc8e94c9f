# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Engine, Events
from monai.bundle import ConfigParser
from monai.handlers import LrScheduleHandler, StatsHandler

from ctan_monai.handlers import (
    DynamicWeightAverage,
    EarlyStop,
    EpochLog,
    HandlerGroup,
    RunRecord,
    TaskLossMeans,
    TrainingCheckpoint,
)
from ctan_monai.losses import MultiTaskLoss


class Note:
    """Writes its name when the engine ends."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name, self.notes = name, notes

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.COMPLETED, lambda _: self.notes.append(self.name))


def test_handlers_are_attached_in_their_order() -> None:
    notes: list[str] = []
    engine = Engine(lambda *_: None)
    HandlerGroup({"_desc_": "of a config", "b": Note("b", notes), "a": Note("a", notes)}).attach(engine)
    engine.run([0])
    assert notes == ["b", "a"]


class Failing:
    """Notes an error, and fails when the engine starts."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes

    def attach(self, engine: Engine) -> None:
        engine.add_event_handler(Events.STARTED, self._fail)

    def _fail(self, engine: Engine) -> None:
        raise OSError("the disk is full")

    def failed(self, engine: Engine) -> None:
        self.notes.append("failed")


def test_an_error_reaches_every_handler_and_is_logged_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """MONAI's StatsHandler would raise it before the others hear of it."""
    notes: list[str] = []
    engine = Engine(lambda *_: None)
    HandlerGroup({"stats": StatsHandler(), "failing": Failing(notes)}).attach(engine)
    with pytest.raises(OSError, match="the disk is full"):
        engine.run([0])
    assert notes == ["failed"]
    assert all(record.exc_info is None for record in caplog.records)


@pytest.fixture
def handlers(tmp_path: Path) -> dict[str, Any]:
    """Handlers of a trainer, in an order that is right."""
    loss = MultiTaskLoss({"a": torch.nn.L1Loss()})
    network = torch.nn.Linear(1, 1)
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    schedule = torch.optim.lr_scheduler.ConstantLR(optimizer)
    checkpoint = TrainingCheckpoint(tmp_path, {"network": network})
    return {
        "means": TaskLossMeans(loss),
        "log": EpochLog(tmp_path / "log.csv", optimizer),
        "weighting": DynamicWeightAverage(loss),
        "schedule": LrScheduleHandler(schedule, print_lr=False),
        "checkpoint": checkpoint,
        "record": RunRecord(tmp_path / "training.json", 0),
        "early_stop": EarlyStop(checkpoint, 1),
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("means", "weighting"),
        ("means", "log"),
        ("log", "schedule"),
        ("weighting", "checkpoint"),
        ("schedule", "checkpoint"),
        ("checkpoint", "record"),
        ("checkpoint", "early_stop"),
    ],
)
def test_a_wrong_order_is_refused_with_both_names(handlers: dict[str, Any], first: str, second: str) -> None:
    HandlerGroup(handlers)
    HandlerGroup({first: handlers[first], second: handlers[second]})
    with pytest.raises(ValueError, match=f"the handler '{first}' must stand before '{second}', "):
        HandlerGroup({second: handlers[second], first: handlers[first]})


def test_a_disabled_handler_is_left_out() -> None:
    log = {"_target_": "ctan_monai.handlers.EpochLog", "path": "log.csv"}
    config = ConfigParser(
        {
            "diagnostics": False,
            "named": {"a": log, "b": {**log, "_disabled_": "$not @diagnostics"}, "c": {**log, "_disabled_": True}},
            "group": {"_target_": "ctan_monai.handlers.HandlerGroup", "handlers": "@named"},
        }
    )
    assert list(config.get_parsed_content("group").handlers) == ["a"]
    config["diagnostics"] = True
    assert list(config.get_parsed_content("group").handlers) == ["a", "b"]
