# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Equation 1 by hand: masks, who receives whose, and pooling, on 2x2 features with four channels."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ctan_monai.networks import CTAE, ConstantMasks
from ctan_monai.networks.pooling import NoPool, SharedPool, TaskPools, bottleneck_pool, residual_pool

P = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
LN3, LN4, LN9 = math.log(3), math.log(4), math.log(9)
CLOSE = {"rtol": 1e-4, "atol": 1e-4}  # batch norm's epsilon


def four_channels(feature):
    return feature.expand(1, 4, 2, 2)


def layer(num_tasks, cross=True, stride=1, attended_channels=0):
    """A CTAE whose pools hand on the mean over channels, at every ``stride``-th position."""
    pools = TaskPools(*(bottleneck_pool(2, 4, 4, stride) for _ in range(num_tasks)))
    ctae = CTAE(2, 4, pools, num_tasks, attended_channels, cross).eval()
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
    wider = CTAE(3, 4, TaskPools(*(bottleneck_pool(3, 4, 8, 2) for _ in range(2))), 2)
    _, attended = wider(torch.rand(2, 4, 5, 6, 7), torch.rand(2, 4, 5, 6, 7), [])
    assert attended[1].shape == (2, 8, 3, 3, 4)


def test_a_shared_pool_gives_equal_features_equal_results_and_keeps_the_tasks_apart():
    torch.manual_seed(0)
    shared = SharedPool(bottleneck_pool(2, 8, 16, 2))
    features = [torch.rand(2, 8, 5, 6) for _ in range(3)]
    pooled = shared([*features, features[0]])
    assert [x.shape for x in pooled] == [(2, 16, 3, 3)] * 4
    torch.testing.assert_close(pooled[3], pooled[0])
    assert not torch.allclose(pooled[1], pooled[0])
    assert len(list(shared.children())) == 1


def test_a_shared_pool_sees_the_same_statistics_in_training_and_evaluation():
    """Features of mean 0 and 10: in turn, one batch norm would normalize each task by its own mean in training."""
    torch.manual_seed(0)
    shared = SharedPool(nn.Sequential(nn.BatchNorm2d(1, momentum=1.0)))
    features = [torch.randn(4, 1, 8, 8), torch.randn(4, 1, 8, 8) + 10]
    trained = shared(features)
    for before, after in zip(trained, shared.eval()(features), strict=True):
        torch.testing.assert_close(before, after, rtol=0.01, atol=0.01)
    assert trained[1].mean() - trained[0].mean() > 1


def test_mtans_pool_by_hand():
    """Its residual branch silenced, the pool is the ReLU of the projection, at its maximum in each 2x2."""
    pool = residual_pool(2, 4, 8, 2).eval()
    bottleneck = pool[0]
    assert bottleneck.conv2.weight.shape == (2, 2, 3, 3), "a quarter of the next width"
    with torch.no_grad():
        bottleneck.bn3.weight.zero_()
        bottleneck.downsample.conv.weight.fill_(0.25)
        feature = torch.tensor([[1.0, 2.0, 3.0], [4.0, 3.0, -1.0], [0.0, 5.0, -2.0]])
        pooled = pool(feature.expand(1, 4, 3, 3))
    torch.testing.assert_close(pooled, torch.tensor([[4.0, 3.0], [5.0, 0.0]]).expand(1, 8, 2, 2), **CLOSE)


def test_constant_masks_halve_the_shared_feature():
    gated, attended = ConstantMasks(NoPool(), 3)(torch.rand(1, 4, 2, 2), four_channels(P), [])
    assert len(gated) == len(attended) == 3
    for value in (*gated, *attended):
        torch.testing.assert_close(value, four_channels(P / 2))
