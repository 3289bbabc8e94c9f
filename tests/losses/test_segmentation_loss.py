# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
import torch
from monai.losses import DiceCELoss

from ctan_monai.losses import ComboLoss, merge_absent_labels


def test_weights_are_the_papers() -> None:
    """0.3 Dice + 0.7 cross-entropy, worked out by hand: two pixels, background and one label, p = 1/2 everywhere."""
    logits = torch.zeros(1, 2, 1, 2)
    target = torch.tensor([[[[0, 1]]]])
    dice = 1 - 2 * 0.5 / (1 + 1)  # foreground: intersection 0.5, sums 1 (prediction) and 1 (target)
    expected = 0.3 * dice + 0.7 * math.log(2)
    assert ComboLoss()(logits, target).item() == pytest.approx(expected, abs=1e-4)


def test_all_present_equals_monai() -> None:
    torch.manual_seed(0)
    logits, target = torch.randn(3, 5, 8, 8), torch.randint(0, 5, (3, 1, 8, 8))
    monai = DiceCELoss(
        include_background=False, to_onehot_y=True, softmax=True, batch=True, lambda_dice=0.3, lambda_ce=0.7
    )
    torch.testing.assert_close(ComboLoss()(logits, target, torch.ones(3, 4)), monai(logits, target))


def test_merging_adds_the_probability_of_absent_labels_to_the_background() -> None:
    logits = torch.log(torch.tensor([0.2, 0.3, 0.5])).view(1, 3, 1, 1)
    merged = merge_absent_labels(logits, torch.tensor([[1.0, 0.0]])).softmax(1).flatten()
    torch.testing.assert_close(merged, torch.tensor([0.7, 0.3, 0.0]))


def test_an_absent_organ_is_not_taught_as_background() -> None:
    """The network sees the organ, the patient has no contour of it: nothing may push its logit down."""
    logits = torch.tensor([0.0, 5.0, 0.0]).view(1, 3, 1, 1).requires_grad_()
    target = torch.zeros(1, 1, 1, 1, dtype=torch.long)
    ComboLoss()(logits, target, torch.tensor([[0.0, 1.0]])).backward()
    assert logits.grad is not None
    assert logits.grad[0, 1].item() <= 0, "the absent organ's logit would be lowered"
    logits.grad = None
    ComboLoss()(logits, target, torch.tensor([[1.0, 1.0]])).backward()
    assert logits.grad[0, 1].item() > 0.1, "a contoured patient's background must lower it"


def test_a_sample_without_any_contour_does_not_count() -> None:
    torch.manual_seed(1)
    logits, target = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 1, 4, 4))
    target[1] = 0
    alone = ComboLoss()(logits[:1], target[:1], torch.tensor([[1.0, 1.0]]))
    both = ComboLoss()(logits, target, torch.tensor([[1.0, 1.0], [0.0, 0.0]]))
    torch.testing.assert_close(both, alone)


def test_wrong_shape_of_present() -> None:
    with pytest.raises(ValueError, match=r"\(1, 2\)"):
        ComboLoss()(torch.zeros(1, 3, 2, 2), torch.zeros(1, 1, 2, 2), torch.ones(1, 3))


def test_a_label_that_no_voxel_has_is_left_out_of_the_dice() -> None:
    """Two pixels, background and three labels, p = 1/4 everywhere; label 1 alone has a voxel."""
    logits = torch.zeros(1, 4, 1, 2, requires_grad=True)
    target = torch.tensor([[[[0, 1]]]])
    dice = 1 - 2 * 0.25 / (0.5 + 1)  # and not its mean with twice 1
    loss = ComboLoss(1.0, 0.0)
    assert loss(logits, target).item() == pytest.approx(dice, abs=1e-4)
    assert loss(logits, target, torch.ones(1, 3)).item() == pytest.approx(dice, abs=1e-4)


def test_a_label_counts_where_one_sample_of_the_batch_has_it() -> None:
    """Label 2 is in the second sample: sums over the batch are 1/3 (intersection), 4/3 (prediction) and 1."""
    logits, target = torch.zeros(2, 3, 1, 2), torch.tensor([[[[0, 0]]], [[[0, 2]]]])
    assert ComboLoss(1.0, 0.0)(logits, target).item() == pytest.approx(1 - 2 / 3 / (4 / 3 + 1), abs=1e-4)


@pytest.mark.parametrize("present", [None, torch.ones(2, 2)])
def test_a_batch_of_background_has_a_dice_loss_of_zero(present: torch.Tensor | None) -> None:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    loss = ComboLoss(1.0, 0.0)(logits, torch.zeros(2, 1, 4, 4), present)
    assert loss.item() == 0
    loss.backward()
    assert logits.grad is not None and not logits.grad.any()
