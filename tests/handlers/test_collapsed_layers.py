# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging

import pytest
import torch
from ignite.engine import Engine

from ctan_monai.handlers import CollapsedLayers


def trained(optimizer: type[torch.optim.Optimizer], epochs: int) -> float:
    """Two layers, of which the loss uses the first only; the share of collapsed ones."""
    torch.manual_seed(0)
    network = torch.nn.ModuleDict({"used": torch.nn.BatchNorm1d(8), "unused": torch.nn.BatchNorm1d(8)})
    step = optimizer(network.parameters(), lr=1e-2, weight_decay=1e-5)  # type: ignore[call-arg]

    def update(engine: Engine, batch: torch.Tensor) -> None:
        loss = (network["used"](batch) - batch).square().mean() + 0 * network["unused"](batch).sum()
        step.zero_grad()
        loss.backward()
        step.step()

    engine = Engine(update)
    CollapsedLayers(network).attach(engine)
    engine.run([torch.randn(16, 8) for _ in range(20)], max_epochs=epochs)
    return float(engine.state.metrics["collapsed_layers"])


def test_adam_makes_a_layer_collapse_that_the_loss_does_not_use(caplog: pytest.LogCaptureFixture) -> None:
    """A weight decay of 1e-5 alone is made steps of the whole learning rate."""
    with caplog.at_level(logging.WARNING):
        assert trained(torch.optim.Adam, 12) == 0.5
    assert caplog.text.count("1 of 2 normalisation layers have collapsed") == 1, "said once, not every epoch"
    assert "the first is unused" in caplog.text


def test_decoupled_decay_does_not(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert trained(torch.optim.AdamW, 12) == 0.0
    assert not caplog.text


def test_a_network_without_normalisation_has_nothing_to_say() -> None:
    engine = Engine(lambda engine, batch: None)
    CollapsedLayers(torch.nn.Linear(2, 2)).attach(engine)
    engine.run([0], max_epochs=1)
    assert "collapsed_layers" not in engine.state.metrics
