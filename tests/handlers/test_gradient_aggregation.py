# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Gradients combined by TorchJD: by hand for one aggregator, and what holds for all of them."""

from __future__ import annotations

import builtins
import importlib
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from monai.bundle import ConfigParser
from torch import nn

from ctan_monai.handlers import GradientAggregation, choose_weighting
from ctan_monai.handlers.gradient_aggregation import AGGREGATORS
from ctan_monai.losses import MultiTaskLoss
from ctan_monai.utils.errors import DataError


class Linear(nn.Module):
    """A loss that is the mean of its input, so that gradients can be written down."""

    def forward(self, output: torch.Tensor, target: torch.Tensor, present: torch.Tensor | None = None) -> torch.Tensor:
        return (output * target).mean()


class TwoTasks(nn.Module):
    """a = h . w, b = g * (h' . w): w is shared, g is of b alone."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([1.0, 1.0]))
        self.g = nn.Parameter(torch.tensor([1.0]))

    def forward(self) -> dict[str, torch.Tensor]:
        a, b = torch.tensor([1.0, 0.0]) @ self.w, torch.tensor([-1.0, 1.0]) @ self.w
        return {"a": a[None], "b": self.g * (b + 2)}


@pytest.fixture
def loss() -> MultiTaskLoss:
    pytest.importorskip("torchjd")
    return MultiTaskLoss({"a": Linear(), "b": Linear()})


def gradients(
    network: nn.Module, loss: MultiTaskLoss, aggregator: str, targets: dict[str, torch.Tensor]
) -> list[torch.Tensor | None]:
    trainer: Any = SimpleNamespace(network=network, state=SimpleNamespace(iteration=1))
    output = {"pred": network(), "label": targets}
    output["loss"] = loss(output["pred"], targets)["loss"]
    GradientAggregation(loss, aggregator).backward(trainer, output)
    return [None if p.grad is None else p.grad for p in network.parameters()]


ONE = torch.ones(1)


def test_pcgrad_by_hand(loss: MultiTaskLoss) -> None:
    """(1, 0) without its part along (-1, 1) is (0.5, 0.5); (-1, 1) without its part along (1, 0) is (0, 1)."""
    w, g = gradients(TwoTasks(), loss, "PCGrad", {"a": ONE, "b": ONE})
    torch.testing.assert_close(w, torch.tensor([0.5, 1.5]))
    torch.testing.assert_close(g, torch.tensor([2.0]))  # of b alone: as it is


def test_mgda_by_hand(loss: MultiTaskLoss) -> None:
    """The shortest point between (1, 0) and (-1, 1) is (0.2, 0.4)."""
    w, _ = gradients(TwoTasks(), loss, "MGDA", {"a": ONE, "b": ONE})
    torch.testing.assert_close(w, torch.tensor([0.2, 0.4]), atol=2e-3, rtol=0)


@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_a_task_without_labels_has_no_say(loss: MultiTaskLoss, aggregator: str) -> None:
    w, g = gradients(TwoTasks(), loss, aggregator, {"a": ONE, "b": ONE, "b_present": torch.zeros(1)})
    torch.testing.assert_close(w, torch.tensor([1.0, 0.0]))
    assert g is None
    w, _ = gradients(TwoTasks(), loss, aggregator, {})  # no labels at all: zeros that every parameter gets
    torch.testing.assert_close(w, torch.zeros(2))


@pytest.mark.parametrize("aggregator", AGGREGATORS)
def test_no_task_gets_worse(loss: MultiTaskLoss, aggregator: str) -> None:
    """What all of them promise for two tasks in conflict."""
    w, _ = gradients(TwoTasks(), loss, aggregator, {"a": ONE, "b": ONE})
    assert w is not None
    assert float(w @ torch.tensor([1.0, 0.0])) > -1e-5 and float(w @ torch.tensor([-1.0, 1.0])) > -1e-5


def test_a_gradient_has_the_layout_of_its_parameter(loss: MultiTaskLoss) -> None:
    """The fused optimizers of PyTorch go through both as they lie in memory."""

    class Convolution(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

        def forward(self) -> dict[str, torch.Tensor]:
            x = self.convolution(torch.arange(75.0).reshape(1, 3, 5, 5)).mean()
            return {"a": x[None], "b": (x**2)[None]}

    weight, _ = gradients(Convolution(), loss, "UPGrad", {"a": ONE, "b": ONE})
    assert weight is not None and weight.is_contiguous(memory_format=torch.channels_last)
    plain = Convolution()
    gradients(plain, loss, "UPGrad", {"a": ONE})
    expected = torch.arange(75.0).reshape(1, 3, 5, 5).unfold(2, 3, 1).unfold(3, 3, 1).mean((0, 2, 3)) / 4
    torch.testing.assert_close(plain.convolution.weight.grad[0], expected)


def test_chosen_by_name_beside_those_of_the_config(loss: MultiTaskLoss) -> None:
    weightings = ConfigParser({"w": {"equal": {"_target_": "ctan_monai.handlers.EqualWeights", "_mode_": "callable"}}})
    chosen = choose_weighting(weightings.get_parsed_content("w"), "Aligned-MTL", loss)
    assert isinstance(chosen, GradientAggregation) and chosen.aggregator == "Aligned-MTL"
    with pytest.raises(ValueError, match="another weighting"):
        chosen.load_state_dict(GradientAggregation(loss, "MGDA").state_dict())
    with pytest.raises(ValueError, match=r"'AlignedMTL'.*UPGrad, MGDA"):
        choose_weighting(weightings.get_parsed_content("w"), "AlignedMTL", loss)


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchjd"]:
        monkeypatch.delitem(sys.modules, name)
    found = builtins.__import__

    def without(name: str, *arguments: Any) -> Any:
        if name.partition(".")[0] == "torchjd":
            raise ModuleNotFoundError("No module named 'torchjd'")
        return found(name, *arguments)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(DataError, match=r"--weighting UPGrad.*pip install 'ctan-monai\[weightings\]'"):
        GradientAggregation(MultiTaskLoss({"a": Linear()}))
