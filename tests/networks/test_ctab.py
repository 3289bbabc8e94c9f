# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Equation 2 by hand, in both ways of computing it, and its options."""

from __future__ import annotations

import math

import pytest
import torch

from ctan_monai.networks import CTAB, CTAN, cross_task_attention

LN3 = math.log(3)

# E_t, E_t', normalization, order, expected
HAND_CASES = [
    # C = N = 2: S = [[1, 3], [0, 1]], divided by 2 sqrt(2)
    ([[1, 2], [0, 1]], [[1, 0], [1, 1]], "none", "equation", [[1, 5], [0, 1]], 2 * math.sqrt(2)),
    ([[1, 2], [0, 1]], [[1, 0], [1, 1]], "none", "prose", [[7, 2], [3, 1]], 2 * math.sqrt(2)),
    # C = 2, N = 3 (more positions than channels): S = [[1, 0, 2], [1, 2, 4], [0, 1, 1]], divided by 3 sqrt(2)
    ([[1, 0, 2], [0, 1, 1]], [[1, 1, 0], [0, 2, 1]], "none", "equation", [[1, 2, 4], [1, 3, 5]], 3 * math.sqrt(2)),
    ([[1, 0, 2], [0, 1, 1]], [[1, 1, 0], [0, 2, 1]], "none", "prose", [[5, 9, 2], [2, 6, 2]], 3 * math.sqrt(2)),
    # C = 1, N = 2: the columns of S are [0, ln 3] and [0, 2 ln 3], of weights (1, 3) / 4 and (1, 9) / 10
    ([[1, 2]], [[0, LN3]], "softmax", "equation", [[1.75, 1.9]], 1.0),
    # and those of its transpose [0, 0] and [ln 3, 2 ln 3], of weights (1, 1) / 2 and (3, 9) / 12
    ([[1, 2]], [[0, LN3]], "softmax", "prose", [[1.5, 1.75]], 1.0),
    # C = N = 2: of unit length E_t is [[0.6, 0], [0.8, 1]], so that S = [[0.6, 0], [0.8, 1]], divided by 2
    ([[3, 0], [4, 2]], [[5, 0], [0, 7]], "cosine", "equation", [[1.8, 0], [4, 2]], 2.0),
    ([[3, 0], [4, 2]], [[5, 0], [0, 7]], "cosine", "prose", [[1.8, 2.4], [2.4, 5.2]], 2.0),
]


@pytest.mark.parametrize(("e_t", "e_other", "normalization", "order", "expected", "divisor"), HAND_CASES)
def test_equation_2_by_hand(e_t, e_other, normalization, order, expected, divisor):
    result = cross_task_attention(
        torch.tensor([e_t], dtype=torch.float32), torch.tensor([e_other], dtype=torch.float32), normalization, order
    )
    torch.testing.assert_close(result, torch.tensor([expected], dtype=torch.float32) / divisor)


@pytest.mark.parametrize(("normalization", "order"), [("none", "equation"), ("none", "prose"), ("softmax", "equation")])
@pytest.mark.parametrize("shape", [(2, 8, 5), (2, 5, 8)])
def test_equation_2_is_the_sum_it_stands_for(shape, normalization, order):
    torch.manual_seed(0)
    e_t, e_other = torch.rand(shape, dtype=torch.float64), torch.rand(shape, dtype=torch.float64)
    weights = torch.einsum("bcm,bcn->bmn", e_other, e_t) / math.sqrt(shape[1])
    if order == "prose":
        weights = weights.transpose(1, 2)
    weights = weights.softmax(dim=1) if normalization == "softmax" else weights / shape[2]
    expected = torch.einsum("bcm,bmn->bcn", e_t, weights)
    torch.testing.assert_close(cross_task_attention(e_t, e_other, normalization, order), expected)


# E_1, E_2, ... of one channel and one position, and what each task receives
TASK_CASES = [
    ([1.0, 2.0], [2.0, 4.0]),
    ([1.0, 2.0, 3.0], [2.5, 8.0, 13.5]),  # e.g. 2 * mean(1 * 2, 3 * 2)
    ([2.0], [8.0]),
]


@pytest.mark.parametrize(("embedded", "expected"), TASK_CASES)
def test_equation_2_is_averaged_over_the_other_tasks(embedded, expected):
    ctab = CTAB(2, 4, len(embedded), normalization="none")
    result = ctab.attend([torch.full((1, 1, 1, 1), e) for e in embedded])
    assert [value.item() for value in result] == pytest.approx(expected)


def test_bottleneck_keeps_shapes_and_has_the_options():
    torch.manual_seed(0)
    features = [torch.rand(2, 8, 3, 4, 5) for _ in range(2)]
    results = []
    for normalization, order in [("none", "equation"), ("none", "prose"), ("softmax", "equation")]:
        torch.manual_seed(1)
        ctab = CTAB(3, 8, 2, normalization, order)
        results.append(ctab(features)[0])
        assert results[-1].shape == features[0].shape
    assert not torch.allclose(results[0], results[1])
    assert not torch.allclose(results[0], results[2])


def test_the_identity_path_adds_the_attended_feature():
    torch.manual_seed(0)
    features = [torch.rand(2, 8, 3, 3) for _ in range(2)]
    ctab = CTAB(2, 8, 2).eval()
    with torch.no_grad():
        both = ctab(features)
        ctab.identity = False
        alone = ctab(features)
    for t in range(2):
        torch.testing.assert_close(both[t], alone[t] + features[t])
        assert alone[t].abs().max() > 0


def test_embeddings_are_linear_unless_asked():
    torch.manual_seed(0)
    for options, negative in (({}, True), ({"activation": "relu"}, False)):
        ctab = CTAB(2, 8, 2, **options)
        assert bool((ctab.embeddings[0](torch.randn(4, 8, 3, 3)) < 0).any()) is negative


def test_without_crossing_each_task_is_its_own_partner():
    """E_t' = E_t: on one channel and one position the result is e^3."""
    ctab = CTAB(2, 4, 3, normalization="none", cross=False)
    result = ctab.attend([torch.full((1, 1, 1, 1), e) for e in (1.0, 2.0, 3.0)])
    assert [value.item() for value in result] == pytest.approx([1.0, 8.0, 27.0])


def varying_share(x):
    """Share of the sum of squares of (B, C, *spatial) that is deviation from the mean over an image's positions."""
    x = x.flatten(2)
    return ((x - x.mean(dim=2, keepdim=True)).square().sum() / x.square().sum()).item()


@pytest.mark.parametrize("normalization", ["softmax", "none"])
@pytest.mark.parametrize("identity", [True, False])
@pytest.mark.parametrize("stem", ["conv7x7", "conv3x3"])
def test_ctab_keeps_the_layout(stem, identity, normalization):
    """What varies over positions still does behind equation 2, at initialization."""
    torch.manual_seed(0)
    tasks = {"segmentation": {"level": "pixel", "out_channels": 5}, "dose": {"level": "pixel", "out_channels": 1}}
    net = CTAN(2, 3, tasks, "resnet18_half", stem, ctab_identity=identity, normalization=normalization).train()
    seen = []
    net.bottleneck.register_forward_hook(lambda _, inputs, outputs: seen.extend(zip(inputs[0], outputs, strict=True)))
    with torch.no_grad():
        net(torch.rand(4, 3, 128, 128))
    for before, after in seen:
        assert varying_share(after) >= 0.9 * varying_share(before)


def test_behind_a_relu_equation_2_becomes_the_mean_over_positions():
    torch.manual_seed(0)
    features = [torch.randn(4, 64, 4, 4).relu() for _ in range(2)]
    shares = {
        activation: varying_share(CTAB(2, 64, 2, activation=activation, identity=False)(features)[0])
        for activation in ("none", "relu")
    }
    assert shares["none"] > 0.9 * varying_share(features[0])
    assert shares["relu"] < 0.7 * varying_share(features[0])


def test_equation_2_runs_in_float32_under_autocast():
    ctab = CTAB(2, 8, 2)
    seen = []
    ctab.projections[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.autocast("cpu", torch.bfloat16):
        ctab([torch.rand(2, 8, 3, 3) for _ in range(2)])
    assert seen[0].dtype == torch.float32
    assert not torch.equal(seen[0], seen[0].bfloat16().float())  # more than bf16 rounded up in type
