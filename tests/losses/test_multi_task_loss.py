# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from ctan_monai.losses import ComboLoss, DoseMAELoss, MultiTaskLoss


@pytest.fixture
def loss() -> MultiTaskLoss:
    return MultiTaskLoss({"segmentation": ComboLoss(), "dose": DoseMAELoss(1.0)})


@pytest.fixture
def outputs() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "segmentation": torch.randn(2, 3, 4, 4, requires_grad=True),
        "dose": torch.full((2, 1, 4, 4), 2.0, requires_grad=True),
    }


def test_weighted_sum_by_name(loss: MultiTaskLoss, outputs: dict[str, torch.Tensor]) -> None:
    targets = {"dose": torch.zeros(2, 1, 4, 4), "segmentation": torch.zeros(2, 1, 4, 4)}
    loss.weights.copy_(torch.tensor([0.5, 1.5]))
    result = loss(outputs, targets)
    assert result["task_losses"]["dose"].item() == pytest.approx(2.0)
    expected = 0.5 * result["task_losses"]["segmentation"] + 1.5 * result["task_losses"]["dose"]
    torch.testing.assert_close(result["loss"].detach(), expected)
    assert {t: c.item() for t, c in result["task_counts"].items()} == {"segmentation": 2.0, "dose": 2.0}


def test_a_batch_without_a_tasks_label_gives_an_attached_zero(
    loss: MultiTaskLoss, outputs: dict[str, torch.Tensor]
) -> None:
    result = loss(outputs, {"dose": torch.zeros(2, 1, 4, 4)})
    result["loss"].backward()
    assert result["task_losses"]["segmentation"].item() == 0.0
    assert result["task_counts"]["segmentation"].item() == 0.0
    grad = outputs["segmentation"].grad
    assert grad is not None, "DDP would wait for this gradient"
    assert not grad.any()


def test_counts_follow_the_labels_there_are(loss: MultiTaskLoss, outputs: dict[str, torch.Tensor]) -> None:
    targets = {
        "segmentation": torch.zeros(2, 1, 4, 4),
        "segmentation_present": torch.tensor([[0.0, 0.0], [0.0, 1.0]]),
        "dose": torch.zeros(2, 1, 4, 4),
        "dose_present": torch.tensor([1.0, 0.0]),
    }
    counts = loss(outputs, targets)["task_counts"]
    assert (counts["segmentation"].item(), counts["dose"].item()) == (1.0, 1.0)


def test_chosen_tasks_only(outputs: dict[str, torch.Tensor]) -> None:
    loss = MultiTaskLoss({"segmentation": ComboLoss(), "dose": DoseMAELoss(1.0)}, tasks=["dose"])
    assert loss.tasks == ["dose"]
    assert list(loss({"dose": outputs["dose"]}, {"dose": torch.zeros(2, 1, 4, 4)})["task_losses"]) == ["dose"]


@pytest.mark.parametrize("tasks", [["segmentation", "covid"], []])
def test_unknown_or_no_task(tasks: list[str]) -> None:
    with pytest.raises(ValueError, match="no loss for the tasks"):
        MultiTaskLoss({"segmentation": ComboLoss()}, tasks)


def test_network_without_the_output(loss: MultiTaskLoss) -> None:
    with pytest.raises(ValueError, match="no output for task 'segmentation'"):
        loss({"dose": torch.zeros(1, 1, 2, 2)}, {})
