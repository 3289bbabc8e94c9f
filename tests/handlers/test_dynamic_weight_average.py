# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from ctan_monai.handlers import DynamicWeightAverage, TaskLossMeans, dwa_weights
from ctan_monai.losses import MultiTaskLoss


class Identity(nn.Module):
    """A task loss that is the output itself."""

    def forward(self, output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return output.mean()


def run(
    epochs: list[dict[str, list[tuple[float, int]]]], dwa_state: dict | None = None
) -> tuple[list, MultiTaskLoss, DynamicWeightAverage]:
    """Train on given (loss, samples) of each batch; returns the weights in force in each epoch."""
    tasks = list(epochs[0])
    loss = MultiTaskLoss({t: Identity() for t in tasks})
    dwa = DynamicWeightAverage(loss)
    if dwa_state is not None:
        dwa.load_state_dict(dwa_state)

    def step(engine: Engine, i: int) -> list:
        batch = {t: epochs[engine.state.epoch - 1][t][i] for t in tasks}
        return [
            {
                "task_losses": {t: torch.tensor(v) for t, (v, _) in batch.items()},
                "task_counts": {t: torch.tensor(float(n)) for t, (_, n) in batch.items()},
            }
        ]

    engine, weights = Engine(step), []
    TaskLossMeans(loss).attach(engine)
    dwa.attach(engine)
    engine.add_event_handler(Events.EPOCH_STARTED, lambda: weights.append(loss.weights.tolist()))
    engine.run(range(len(epochs[0][tasks[0]])), max_epochs=len(epochs))
    return weights, loss, dwa


def constant(a: float, b: float) -> dict[str, list[tuple[float, int]]]:
    return {"a": [(a, 1)], "b": [(b, 1)]}


def test_formula_by_hand() -> None:
    """w = [1, 4], T = 2: 2 exp(0.5) / (exp(0.5) + exp(2)) = 0.36485, and the rest."""
    assert dwa_weights([1.0, 1.0], [1.0, 4.0]) == pytest.approx([0.36485, 1.63515], abs=1e-5)


def test_sum_is_the_number_of_tasks_and_high_temperature_is_equal() -> None:
    assert sum(dwa_weights([1.0, 2.0, 3.0], [3.0, 1.0, 2.0])) == pytest.approx(3.0)
    assert dwa_weights([1.0, 2.0], [3.0, 1.0], temperature=1e6) == pytest.approx([1.0, 1.0], abs=1e-5)


def test_huge_ratios_do_not_overflow() -> None:
    assert dwa_weights([1e-9, 1.0], [1.0, 1.0]) == pytest.approx([2.0, 0.0])


def test_weights_are_one_for_two_epochs_then_follow_the_losses() -> None:
    weights, loss, _ = run([constant(1, 1), constant(1, 4), constant(1, 1)])
    assert weights[:2] == [[1.0, 1.0], [1.0, 1.0]]
    assert weights[2] == pytest.approx([0.36485, 1.63515], abs=1e-5)
    # from epochs 2 and 3: ratios 1 and 1/4
    assert loss.weights.tolist() == pytest.approx(dwa_weights([1.0, 4.0], [1.0, 1.0]), abs=1e-5)


def test_means_are_weighted_by_labelled_samples() -> None:
    """Task b has 1 and 3 labelled samples of losses 4 and 0: its mean is 1, not 2."""
    first = {"a": [(1.0, 2), (1.0, 2), (1.0, 2)], "b": [(4.0, 1), (0.0, 3), (0.0, 0)]}
    second = {"a": [(1.0, 2)] * 3, "b": [(4.0, 4)] * 3}
    weights, *_ = run([first, second, second])
    assert weights[2] == pytest.approx([0.36485, 1.63515], abs=1e-5)


def test_task_without_labels_in_an_epoch_keeps_its_weight_and_the_others_share_the_rest() -> None:
    def epoch(a: float, b: float, c: float, labelled: int = 1) -> dict[str, list[tuple[float, int]]]:
        return {"a": [(a, 1)], "b": [(b, 1)], "c": [(c, labelled)]}

    weights, *_ = run([epoch(1, 1, 1), epoch(1, 4, 1), epoch(1, 1, 0, labelled=0), epoch(1, 1, 1)])
    kept = weights[2][2]
    assert weights[3][2] == pytest.approx(kept)
    share = dwa_weights([1.0, 4.0], [1.0, 1.0])
    assert weights[3][:2] == pytest.approx([s * (3 - kept) / 2 for s in share])


def test_state_goes_on_as_if_never_interrupted() -> None:
    whole, *_ = run([constant(1, 1), constant(1, 4), constant(2, 4), constant(1, 1)])
    _, _, dwa = run([constant(1, 1), constant(1, 4)])
    rest, *_ = run([constant(2, 4), constant(1, 1)], dwa.state_dict())
    assert rest == whole[2:]


def test_state_of_other_tasks_is_refused() -> None:
    _, _, dwa = run([constant(1, 1)])
    other = DynamicWeightAverage(MultiTaskLoss({"covid": Identity()}))
    with pytest.raises(ValueError, match="covid"):
        other.load_state_dict(dwa.state_dict())


def test_needs_the_means() -> None:
    loss = MultiTaskLoss({"a": Identity()})
    engine = Engine(lambda e, b: {})
    DynamicWeightAverage(loss).attach(engine)
    with pytest.raises(RuntimeError, match="attach TaskLossMeans"):
        engine.run([0], max_epochs=1)


def test_an_epoch_without_labels_is_nan_and_does_not_spoil_the_total() -> None:
    loss = MultiTaskLoss({"a": Identity(), "b": Identity()})
    means = TaskLossMeans(loss)
    engine = Engine(
        lambda e, b: [
            {
                "task_losses": {"a": torch.tensor(2.0), "b": torch.tensor(0.0)},
                "task_counts": {"a": torch.tensor(1.0), "b": torch.tensor(0.0)},
            }
        ]
    )
    means.attach(engine)
    engine.run([0], max_epochs=1)
    assert math.isnan(engine.state.metrics["b_loss"])
    assert engine.state.metrics["loss"] == pytest.approx(2.0)
