# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from ignite.engine import Engine
from monai.engines.utils import IterationEvents
from torch import nn

from ctan_monai.handlers import GradientConflict
from ctan_monai.losses import MultiTaskLoss


class Slope(nn.Module):
    """A loss whose gradient with respect to the output is the target."""

    def forward(self, input: torch.Tensor, target: torch.Tensor, present: torch.Tensor | None = None) -> torch.Tensor:
        return (input * target).sum()


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Linear(1, 2, bias=False)
        self.decoder = nn.Linear(2, 2)  # no part of the trunk: must not count


def run(targets: list[dict[str, torch.Tensor]], interval: int = 1) -> dict[str, float]:
    """An epoch of an engine whose tasks a and b both read the trunk's two outputs for the input 1."""
    network = Network()
    loss = MultiTaskLoss({"a": Slope(), "b": Slope()})
    handler = GradientConflict(loss, network, interval)

    def iteration(engine: Engine, batch: dict[str, torch.Tensor]) -> None:
        features = network.trunk(torch.ones(1, 1))
        engine.state.output = {"pred": {"a": features, "b": features}, "label": batch}
        engine.fire_event(IterationEvents.LOSS_COMPLETED)
        features.sum().backward()  # the graph is still there for the trainer's own backward pass

    engine = Engine(iteration)
    engine.register_events(*IterationEvents)
    handler.attach(engine)
    engine.run(targets, max_epochs=1)
    return engine.state.metrics


def pair(a: tuple[float, float], b: tuple[float, float], **more: torch.Tensor) -> dict[str, torch.Tensor]:
    # with the input 1, the gradient of the trunk's two weights is the target itself
    return {"a": torch.tensor([a]), "b": torch.tensor([b]), **more}


def test_cosine_by_hand() -> None:
    metrics = run([pair((1.0, 0.0), (0.0, 2.0)), pair((1.0, 0.0), (1.0, 1.0)), pair((1.0, 0.0), (-3.0, 0.0))])
    assert metrics["gradient_cosine_a_b"] == pytest.approx((0 + 0.5**0.5 - 1) / 3)
    assert metrics["gradient_conflict_a_b"] == pytest.approx(1 / 3)


def test_every_second_iteration() -> None:
    metrics = run([pair((1.0, 0.0), (-1.0, 0.0)), pair((1.0, 0.0), (1.0, 0.0))], interval=2)
    assert metrics["gradient_cosine_a_b"] == pytest.approx(1.0)


def test_a_batch_without_labels_of_a_task_is_no_measurement() -> None:
    absent = pair((1.0, 0.0), (-1.0, 0.0), b_present=torch.zeros(1))
    assert run([absent]) == {}
    assert run([absent, pair((1.0, 0.0), (1.0, 0.0))])["gradient_cosine_a_b"] == pytest.approx(1.0)


def test_off_at_0() -> None:
    assert run([pair((1.0, 0.0), (-1.0, 0.0))], interval=0) == {}
    with pytest.raises(ValueError, match="interval must be"):
        GradientConflict(MultiTaskLoss({"a": Slope()}), Network(), -1)
