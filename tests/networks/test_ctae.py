# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Equation 1 by hand: masks, who receives whose, and pooling, on 2x2 features with four channels."""

from __future__ import annotations

import math

import pytest
import torch

from ctan_monai.networks import CTAE

P = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
LN3, LN4, LN9 = math.log(3), math.log(4), math.log(9)
CLOSE = {"rtol": 1e-4, "atol": 1e-4}  # batch norm's epsilon


def four_channels(feature):
    return feature.expand(1, 4, 2, 2)


def layer(num_tasks, cross=True, stride=1, attended_channels=0):
    """A CTAE whose pools hand on the mean over channels, at every ``stride``-th position."""
    ctae = CTAE(2, 4, 4, stride, num_tasks, attended_channels, cross).eval()
    with torch.no_grad():
        for reduce, spatial, expand in ctae.pools:
            reduce.conv.weight.fill_(0.25)
            spatial.conv.weight.zero_()[:, :, 1, 1] = 1.0
            expand.conv.weight.fill_(1.0)
    return ctae


def constant_masks(ctae, values):
    with torch.no_grad():
        for block, value in zip(ctae.attention_blocks, values, strict=True):
            block.conv.weight.zero_()
            block.adn.N.bias.fill_(math.log(value / (1 - value)))  # the sigmoid of it is the value


# masks of the tasks, cross, factors of P that equation 1 gives
CONSTANT_CASES = [
    ([0.25, 0.75], True, [0.75, 0.25]),
    ([0.25, 0.75], False, [0.25, 0.75]),
    ([0.2, 0.4, 0.9], True, [0.65, 0.55, 0.3]),
    ([0.2, 0.4, 0.9], False, [0.2, 0.4, 0.9]),
    ([0.6], True, [0.6]),
]


@pytest.mark.parametrize(("values", "cross", "factors"), CONSTANT_CASES)
def test_each_task_receives_the_other_tasks_mask(values, cross, factors):
    ctae = layer(len(values), cross)
    constant_masks(ctae, values)
    gated, attended = ctae(torch.rand(1, 4, 2, 2), four_channels(P), [])
    for t, factor in enumerate(factors):
        torch.testing.assert_close(gated[t], four_channels(factor * P), **CLOSE)
        torch.testing.assert_close(attended[t], four_channels(factor * P), **CLOSE)


def masks_from_channels(ctae, channels):
    """Task t's mask becomes the sigmoid of channel ``channels[t]`` of the embedding block's input."""
    with torch.no_grad():
        for t, channel in enumerate(channels):
            ctae.embeddings[t].conv.weight.zero_()[:, channel] = 1.0
            ctae.attention_blocks[t].conv.weight.fill_(1.0)


def test_masks_follow_the_shared_feature():
    ctae = layer(num_tasks=2)
    masks_from_channels(ctae, [0, 1])
    u = torch.zeros(1, 4, 2, 2)
    u[0, 0] = torch.tensor([[0.0, LN3], [LN9, 0.0]])
    u[0, 1] = torch.tensor([[LN3, 0.0], [0.0, LN4]])
    first = torch.tensor([[0.5, 0.75], [0.9, 0.5]])
    second = torch.tensor([[0.75, 0.5], [0.5, 0.8]])
    masks = ctae.masks(u, [])
    torch.testing.assert_close(masks[0], four_channels(first), **CLOSE)
    torch.testing.assert_close(masks[1], four_channels(second), **CLOSE)
    gated, _ = ctae(u, four_channels(P), [])
    torch.testing.assert_close(gated[0], four_channels(torch.tensor([[0.75, 1.0], [1.5, 3.2]])), **CLOSE)
    torch.testing.assert_close(gated[1], four_channels(torch.tensor([[0.5, 1.5], [2.7, 2.0]])), **CLOSE)


def test_later_stages_also_embed_the_tasks_own_attended_feature():
    ctae = layer(num_tasks=2, attended_channels=4)
    masks_from_channels(ctae, [4, 4])  # after the four channels of U
    attended = [torch.full((1, 4, 2, 2), LN3), torch.full((1, 4, 2, 2), LN9)]
    masks = ctae.masks(torch.rand(1, 4, 2, 2), attended)
    torch.testing.assert_close(masks[0], torch.full((1, 4, 2, 2), 0.75), **CLOSE)
    torch.testing.assert_close(masks[1], torch.full((1, 4, 2, 2), 0.9), **CLOSE)


def test_pooling_has_the_stride_and_width_of_the_next_stage():
    ctae = layer(num_tasks=2, stride=2)
    constant_masks(ctae, [0.25, 0.75])
    _, attended = ctae(torch.rand(1, 4, 2, 2), four_channels(P), [])
    torch.testing.assert_close(attended[0], torch.full((1, 4, 1, 1), 0.75), **CLOSE)  # 0.75 P[0, 0]
    wider = CTAE(3, 4, 8, 2, 2)
    _, attended = wider(torch.rand(2, 4, 5, 6, 7), torch.rand(2, 4, 5, 6, 7), [])
    assert attended[1].shape == (2, 8, 3, 3, 4)
