# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
import torch

from ctan_monai.losses import ClassificationLoss


def test_softmax_cross_entropy_by_hand() -> None:
    logits = torch.log(torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]))
    value = ClassificationLoss()(logits, torch.tensor([0, 1]))
    assert value.item() == pytest.approx(-(math.log(0.7) + math.log(0.1)) / 2)


def test_binary_cross_entropy_by_hand() -> None:
    logits = torch.tensor([[math.log(3.0)], [0.0]])  # probabilities 0.75 and 0.5
    value = ClassificationLoss()(logits, torch.tensor([[1], [0]]))
    assert value.item() == pytest.approx(-(math.log(0.75) + math.log(0.5)) / 2)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_without_a_label_do_not_count(channels: int) -> None:
    torch.manual_seed(0)
    logits = torch.randn(4, channels, requires_grad=True)
    present = torch.tensor([1.0, 0.0, 1.0, 0.0])
    value = ClassificationLoss()(logits, torch.tensor([1, -1, 0, 255]), present)
    expected = ClassificationLoss()(logits[[0, 2]], torch.tensor([1, 0]))
    torch.testing.assert_close(value, expected)
    value.backward()
    assert logits.grad is not None
    assert logits.grad[[1, 3]].abs().sum() == 0
    assert logits.grad[[0, 2]].abs().sum() > 0


def test_no_label_at_all_gives_a_zero_with_a_gradient() -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    value = ClassificationLoss()(logits, torch.tensor([-1, -1]), torch.zeros(2))
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None and logits.grad.abs().sum() == 0


def test_another_number_of_labels() -> None:
    with pytest.raises(ValueError, match="2 outputs, but 3 labels"):
        ClassificationLoss()(torch.zeros(2, 3), torch.zeros(3))
