# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Who learns from whom: which tasks' attention blocks a decoder's output depends on.

In CTAN without its bottleneck attention, decoder t sees both chains of masks through its skip connections: at stages
1 to 3 every task's attention block, at stage 4 (whose attended features go to the bottleneck alone) the other tasks'.
MTAN's decoders see their own task's only. Crossing the masks but taking skips from the trunk is MTAN under other names.
"""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ctan_monai.networks import CTAN, MTAN

PIXEL = {"level": "pixel", "out_channels": 2}
IMAGE = {"level": "image", "out_channels": 2}
TASK_CASES = [{"a": PIXEL, "b": PIXEL}, {"a": PIXEL, "b": IMAGE}, {"a": IMAGE, "b": PIXEL, "c": PIXEL}]


class CrossedWithTrunkSkips(CTAN):
    """Equation 1 with skips P^j: nothing is exchanged; it must not pass for CTAN."""

    def forward(self, x):
        stem, u, p = self.trunk(x)
        attended = []
        for j, stage in enumerate(self.attention):
            _, attended = stage(u[j], p[j], attended)
        return self.decode(x, stem, self.bottleneck(attended), [[feature] * len(self.task_names) for feature in p])


def build(method, tasks):
    torch.manual_seed(0)
    return method(2, 1, tasks, backbone="resnet18", stem="conv7x7")


def without_ctab(net):
    net.bottleneck = nn.Identity()
    return net


def sources(net):
    """For each decoder and each stage: the positions of the tasks whose attention block there has a gradient of it."""
    outputs = net(torch.rand(2, 1, 64, 64))
    found = []
    for name in outputs:
        weights = [block.conv.weight for stage in net.attention for block in stage.attention_blocks]
        gradients = torch.autograd.grad(outputs[name].square().sum(), weights, retain_graph=True, allow_unused=True)
        reached = iter([gradient is not None and bool(gradient.abs().sum() > 0) for gradient in gradients])
        found.append([{t for t in range(len(outputs)) if next(reached)} for _ in net.attention])
    return found


def exchanges(net):
    """What CTAN must have, its bottleneck attention removed."""
    tasks = set(range(len(net.task_names)))
    return sources(net) == [[tasks, tasks, tasks, tasks - {t}] for t in sorted(tasks)]


@pytest.mark.parametrize("tasks", TASK_CASES)
def test_ctan_decoders_depend_on_all_tasks_without_ctab(tasks):
    assert exchanges(without_ctab(build(CTAN, tasks)))


@pytest.mark.parametrize("tasks", TASK_CASES)
def test_ctan_decoders_depend_on_all_tasks_at_every_stage(tasks):
    everyone = set(range(len(tasks)))
    assert sources(build(CTAN, tasks)) == [[everyone] * 4 for _ in tasks]


@pytest.mark.parametrize("tasks", TASK_CASES)
def test_mtan_decoders_depend_on_their_own_task(tasks):
    assert sources(build(MTAN, tasks)) == [[{t}] * 4 for t in range(len(tasks))]


def test_crossed_masks_with_skips_from_the_trunk_exchange_nothing():
    net = without_ctab(build(CrossedWithTrunkSkips, TASK_CASES[0]))
    assert not exchanges(net)
    assert sources(net) == [[{0}, {1}, {0}, {1}], [{1}, {0}, {1}, {0}]]  # one chain each, as in MTAN


def test_mtan_and_ctan_differ_by_the_bottleneck_alone_in_parameters():
    mtan, ctan = build(MTAN, TASK_CASES[0]), build(CTAN, TASK_CASES[0])
    names = {name for name, _ in ctan.named_parameters() if not name.startswith("bottleneck.")}
    assert names == {name for name, _ in mtan.named_parameters()}
