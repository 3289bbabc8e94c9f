# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Parts put out of action from outside: what changes, and that all is as before afterwards."""

from __future__ import annotations

import pytest
import torch

from ctan_monai.networks import CTAN, HPS, MTAN, channel_means, neutral_parts, neutralize

PIXEL = {"level": "pixel", "out_channels": 2}
TASKS = {"a": PIXEL, "b": PIXEL}
MASKS = ["masks1", "masks2", "masks3", "masks4"]


def build(method=CTAN, tasks=TASKS, **options):
    """A network in evaluation mode whose norms have seen images: their initial statistics fit nothing."""
    torch.manual_seed(0)
    net = method(2, 1, tasks, "resnet18_half", "conv7x7", **options)
    with torch.no_grad():
        for _ in range(3):
            net(torch.rand(4, 1, 64, 64))
    return net.eval()


PART_CASES = [
    (HPS, {}, ["stage4"]),
    (MTAN, {}, ["stage4", *MASKS]),
    (CTAN, {}, ["stage4", *MASKS, "ctab", "equation2", "equation2_mean", "other_task"]),
    (CTAN, {"ctab_identity": False}, ["stage4", *MASKS, "ctab", "equation2_mean", "other_task"]),
    (CTAN, {"ctab_cross": False}, ["stage4", *MASKS, "ctab", "equation2", "equation2_mean"]),
    (CTAN, {"constant_masks": True, "ctab": False}, ["stage4"]),
]


@pytest.mark.parametrize(("method", "options", "parts"), PART_CASES)
def test_parts_of_the_methods(method, options, parts):
    assert neutral_parts(build(method, **options)) == parts


@torch.no_grad()
def test_each_part_matters_while_it_is_out_and_not_afterwards():
    net, x = build(tasks={"a": {"level": "image", "out_channels": 2}, "b": PIXEL}), torch.rand(2, 1, 64, 64)
    with channel_means(net) as means:
        whole = net(x)
    results = {}
    for part in neutral_parts(net):
        with neutralize(net, part, means):
            results[part] = net(x)
        assert all(torch.equal(value, whole[task]) for task, value in net(x).items()), "undone"
    outputs = [whole, *results.values()]
    for i, first in enumerate(outputs):
        for second in outputs[:i]:
            assert not torch.allclose(first["a"], second["a"])


def features(net, x):
    """What the decoders of task a get, and what CTAB gets."""
    kept = {}
    hooks = [
        net.decoders["a"].register_forward_hook(lambda _, i, output: kept.update(bottleneck=i[0], skips=i[1])),
        net.bottleneck.register_forward_pre_hook(lambda _, i: kept.update(attended=i[0])),
    ]
    net(x)
    for hook in hooks:
        hook.remove()
    return kept


@torch.no_grad()
def test_what_is_put_in_a_parts_place():
    net, x = build(), torch.rand(2, 1, 64, 64)
    with channel_means(net) as means:
        whole = features(net, x)

    def without(part):
        with neutralize(net, part, means):
            return features(net, x)

    assert not without("ctab")["bottleneck"].any()
    stage4 = without("stage4")
    assert not stage4["bottleneck"].any() and not stage4["skips"][3].any() and stage4["skips"][2].any()
    torch.testing.assert_close(without("equation2")["bottleneck"], whole["attended"][0])
    term = without("equation2_mean")["bottleneck"] - whole["attended"][0]
    expected = (whole["bottleneck"] - whole["attended"][0]).mean(dim=(0, 2, 3), keepdim=True).expand_as(term)
    torch.testing.assert_close(term, expected, rtol=1e-3, atol=1e-4)
    own = build(ctab_cross=False)
    own.load_state_dict({**net.state_dict(), "_extra_state": own.state_dict()["_extra_state"]})
    torch.testing.assert_close(without("other_task")["bottleneck"], features(own.eval(), x)["bottleneck"])


@torch.no_grad()
def test_a_neutral_mask_is_its_mean_over_images_and_positions():
    net = build()
    batches = [torch.rand(2, 1, 64, 64), torch.rand(1, 1, 96, 64)]
    seen = []
    block = net.attention[1].attention_blocks[0]
    hook = block.register_forward_hook(lambda _, inputs, output: seen.append(output))
    with channel_means(net) as means:
        for x in batches:
            net(x)
    hook.remove()
    expected = torch.cat([mask.permute(1, 0, 2, 3).flatten(1) for mask in seen], dim=1).mean(dim=1)
    torch.testing.assert_close(means[block].flatten().float(), expected)
    gated = []
    with neutralize(net, "masks2", means):
        net.attention[1].register_forward_hook(lambda _, inputs, output: gated.append((inputs[1], output[0])))
        net(batches[0])
    p, (_, for_b) = gated[0]
    torch.testing.assert_close(for_b, p * expected.reshape(1, -1, 1, 1))  # task b receives the mask of task a


def test_an_unknown_part():
    net = build(HPS)
    with pytest.raises(ValueError, match="'ctab': use one of stage4"), neutralize(net, "ctab", {}):
        pass
