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


def run(targets: list[dict[str, torch.Tensor]], interval: int = 1, epoch_length: int | None = None) -> dict[str, float]:
    """Epochs of an engine whose tasks a and b both read the trunk's two outputs for the input 1."""
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
    length = epoch_length or len(targets)
    engine.run(targets, max_epochs=-(-len(targets) // length), epoch_length=length)
    return engine.state.metrics


def pair(a: tuple[float, float], b: tuple[float, float], **more: torch.Tensor) -> dict[str, torch.Tensor]:
    # with the input 1, the gradient of the trunk's two weights is the target itself
    return {"a": torch.tensor([a]), "b": torch.tensor([b]), **more}


def test_cosines_of_mean_gradients_by_hand() -> None:
    """a: (4, 0) and (1, 1) in the first half, (3, 4) in the second; b: (0, 1) twice, then (-2, 0)."""
    metrics = run([pair((4.0, 0.0), (0.0, 1.0)), pair((3.0, 4.0), (-2.0, 0.0)), pair((1.0, 1.0), (0.0, 1.0))])
    root = 26**0.5  # length of (5, 1)
    assert metrics == pytest.approx(
        {
            "gradient_cosine_a_b": (-5 / root + 0.8) / 2,  # (5, 1) with (-2, 0), and (3, 4) with (0, 2)
            "gradient_ceiling_a": 19 / (5 * root),
            "gradient_ceiling_b": 0,
        }
    )


def test_tasks_with_one_mean_gradient_reach_the_ceiling_and_not_what_a_shared_batch_would_give() -> None:
    """Both tasks' gradients are (1, 0) plus noise of the batch, the same for both: on one batch their cosine is 1."""
    metrics = run([pair((1.0, 3.0), (1.0, 3.0)), pair((1.0, -2.0), (1.0, -2.0))])
    assert list(metrics.values()) == pytest.approx([-5 / 50**0.5] * 3)  # (1, 3) with (1, -2), of either task


def test_every_second_iteration() -> None:
    opposed, alike = pair((1.0, 0.0), (-1.0, 0.0)), pair((1.0, 0.0), (1.0, 0.0))
    assert run([opposed, alike, opposed, alike], interval=2)["gradient_cosine_a_b"] == pytest.approx(1.0)


def test_a_task_without_labels_in_a_half_has_no_figure() -> None:
    alike = pair((1.0, 0.0), (1.0, 0.0))
    absent = pair((1.0, 0.0), (-1.0, 0.0), b_present=torch.zeros(1))
    assert run([alike]) == {}
    assert run([alike, absent]) == {"gradient_ceiling_a": pytest.approx(1.0)}
    assert run([alike, absent, absent, alike])["gradient_cosine_a_b"] == pytest.approx(1.0)


def test_an_epoch_forgets_the_one_before() -> None:
    opposed, alike = pair((1.0, 0.0), (-1.0, 0.0)), pair((1.0, 0.0), (1.0, 0.0))
    metrics = run([alike, alike, opposed, opposed], epoch_length=2)
    assert metrics["gradient_cosine_a_b"] == pytest.approx(-1.0)
    absent = {**opposed, "b_present": torch.zeros(1)}
    assert run([alike, alike, absent, absent], epoch_length=2) == {"gradient_ceiling_a": pytest.approx(1.0)}


def test_off_at_0() -> None:
    assert run([pair((1.0, 0.0), (-1.0, 0.0))], interval=0) == {}
    with pytest.raises(ValueError, match="interval must be"):
        GradientConflict(MultiTaskLoss({"a": Slope()}), Network(), -1)
