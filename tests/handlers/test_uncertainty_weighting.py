# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ctan_monai.handlers import UncertaintyWeighting
from ctan_monai.losses import MultiTaskLoss


class Value(nn.Module):
    """A loss that is its input."""

    def forward(self, input: torch.Tensor, target: torch.Tensor, present: torch.Tensor | None = None) -> torch.Tensor:
        return input.mean()


def make() -> MultiTaskLoss:
    return MultiTaskLoss({"a": Value(), "b": Value()}, uncertainty=True)


OUTPUTS = {"a": torch.tensor([2.0]), "b": torch.tensor([0.1])}
TARGETS = {"a": torch.zeros(1), "b": torch.zeros(1)}


def test_equation_by_hand() -> None:
    loss = make()
    assert loss.log_variances is not None
    with torch.no_grad():
        loss.log_variances.copy_(torch.tensor([math.log(4.0), 0.0]))
    value = loss(OUTPUTS, TARGETS)["loss"]
    assert value.item() == pytest.approx(2.0 / 4 + math.log(4) / 2 + 0.1)


def test_the_optimum_is_where_sigma_squared_is_twice_the_loss() -> None:
    # d/ds (exp(-s) L + s / 2) = 0 at exp(s) = 2 L
    loss = make()
    optimizer = torch.optim.Adam(loss.parameters(), 0.05)
    for _ in range(600):
        optimizer.zero_grad()
        loss(OUTPUTS, TARGETS)["loss"].backward()
        optimizer.step()
    handler = UncertaintyWeighting(loss)
    handler.show(None)  # type: ignore[arg-type]
    torch.testing.assert_close(loss.weights, torch.tensor([1 / 4.0, 1 / 0.2]), atol=1e-2, rtol=1e-2)


def test_a_batch_without_labels_does_not_move_a_task() -> None:
    loss = make()
    loss(OUTPUTS, {**TARGETS, "b_present": torch.zeros(1)} | {"b": TARGETS["b"]})["loss"].backward()
    assert loss.log_variances is not None and loss.log_variances.grad is not None
    present = loss.log_variances.grad.clone()
    loss.log_variances.grad = None
    loss(OUTPUTS, {"a": TARGETS["a"]})["loss"].backward()
    assert loss.log_variances.grad.tolist() == [present[0].item(), 0.0]


def test_state_goes_on_and_another_weighting_is_refused() -> None:
    first, second = make(), make()
    with torch.no_grad():
        first.log_variances.copy_(torch.tensor([1.0, -1.0]))  # type: ignore[union-attr]
    UncertaintyWeighting(second).load_state_dict(UncertaintyWeighting(first).state_dict())
    assert second.log_variances.tolist() == [1.0, -1.0]  # type: ignore[union-attr]
    torch.testing.assert_close(second.weights, torch.tensor([math.exp(-1.0), math.exp(1.0)]))
    with pytest.raises(ValueError, match="another weighting"):
        UncertaintyWeighting(second).load_state_dict({"history": [], "weights": [1.0, 1.0]})
    with pytest.raises(ValueError, match="uncertainty=True"):
        UncertaintyWeighting(MultiTaskLoss({"a": Value()}))
