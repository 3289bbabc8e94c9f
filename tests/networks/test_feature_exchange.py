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

from ctan_monai.networks import CTAN, MTAN

PIXEL = {"level": "pixel", "out_channels": 2}
IMAGE = {"level": "image", "out_channels": 2}
TASK_CASES = [{"a": PIXEL, "b": PIXEL}, {"a": PIXEL, "b": IMAGE}, {"a": IMAGE, "b": PIXEL, "c": PIXEL}]


def build(method, tasks, **options):
    torch.manual_seed(0)
    return method(2, 1, tasks, backbone="resnet18", stem="conv7x7", **options)


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
    assert exchanges(build(CTAN, tasks, ctab=False))


@pytest.mark.parametrize("tasks", TASK_CASES)
def test_ctan_decoders_depend_on_all_tasks_at_every_stage(tasks):
    everyone = set(range(len(tasks)))
    assert sources(build(CTAN, tasks)) == [[everyone] * 4 for _ in tasks]


@pytest.mark.parametrize("tasks", TASK_CASES)
def test_mtan_decoders_depend_on_their_own_task(tasks):
    net = build(MTAN, tasks).eval()  # in training the shared pools' norms see the statistics of all tasks
    assert sources(net) == [[{t}] * 4 for t in range(len(tasks))]


def test_crossed_masks_with_skips_from_the_trunk_exchange_nothing():
    net = build(CTAN, TASK_CASES[0], ctab=False, attended_skips=False)
    assert not exchanges(net)
    assert sources(net) == [[{0}, {1}, {0}, {1}], [{1}, {0}, {1}, {0}]]  # one chain each, as in MTAN


def test_mtan_has_one_pool_for_all_tasks_and_none_after_the_last_stage():
    """And its decoders' bottleneck is G^4_t."""
    net = build(MTAN, TASK_CASES[0]).eval()
    pools = [len(list(stage.pools.children())) for stage in net.attention]
    assert pools == [1, 1, 1, 0]
    bottlenecks = []
    for decoder in net.decoders.values():
        decoder.register_forward_pre_hook(lambda _, inputs: bottlenecks.append((inputs[0], inputs[1][3])))
    with torch.no_grad():
        net(torch.rand(1, 1, 64, 64))
    assert all(bottleneck is skip for bottleneck, skip in bottlenecks) and len(bottlenecks) == 2


@pytest.mark.parametrize(("shared", "pools"), [(False, [2, 2, 2, 2]), (True, [1, 1, 1, 1])])
def test_ctan_has_a_pool_for_each_task_or_one_for_all(shared, pools):
    net = build(CTAN, TASK_CASES[0], shared_pool=shared)
    assert [len(list(stage.pools.children())) for stage in net.attention] == pools


def test_with_constant_masks_only_ctab_exchanges_anything():
    net = build(CTAN, TASK_CASES[0], constant_masks=True).eval()
    assert not any("attention_blocks" in name or "attention.0" in name for name, _ in net.named_parameters())
    kept = []
    for decoder in net.decoders.values():
        decoder.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[1]))
    with torch.no_grad():
        net(torch.rand(1, 1, 64, 64))
    assert all(torch.equal(a, b) for a, b in zip(*kept, strict=True))


def test_ctan_with_trunk_skips_and_no_ctab_is_own_masks_with_trunk_skips_relabelled():
    """Bit for bit: swap the tasks' blocks of stages 2 and 4, and of the pools and embeddings that belong to them."""
    tasks = {"a": PIXEL, "b": PIXEL}
    ctan = build(CTAN, tasks, ctab=False, attended_skips=False).eval()
    mtan = build(CTAN, tasks, ctab=False, attended_skips=False).eval()
    for stage in mtan.attention:
        stage.cross = False
    state = ctan.state_dict()
    swapped = {}
    for name, value in state.items():
        parts = name.split(".")
        # a mask of task t at stage j gates the features that task 1 - t hands on: chain c has task c at odd stages of
        # the encoder (0 and 2) and the other task at even ones (1 and 3); a chain's pool is that of the task it is for
        if parts[0] == "attention":
            stage, kind, task = int(parts[1]), parts[2], int(parts[3])
            crossed = stage % 2 == 0 if kind == "pools" else stage % 2 == 1
            parts[3] = str(1 - task if crossed else task)
        swapped[".".join(parts)] = value
    mtan.load_state_dict(swapped)
    image = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        crossed, own = ctan(image), mtan(image)
    for name in tasks:
        torch.testing.assert_close(crossed[name], own[name])


def test_mtan_with_ctab_exchanges_in_the_bottleneck():
    assert sources(build(MTAN, TASK_CASES[0], ctab=True)) == [[{0, 1}] * 4] * 2


def test_without_crossing_ctab_sees_its_own_task():
    """Of stage 4, whose attended features reach ctab alone, the masks are the other task's, and E_t' is E_t."""
    net = build(CTAN, TASK_CASES[0], ctab_cross=False)
    assert [stages[3] for stages in sources(net)] == [{1}, {0}]
