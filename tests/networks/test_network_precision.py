# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Autocast and memory format: outputs stay float32, with float32's precision in the last layer."""

from __future__ import annotations

import pytest
import torch

from ctan_monai.networks import CTAN, HPS, MTAN

TASKS = {"dose": {"level": "pixel", "out_channels": 1}, "diagnosis": {"level": "image", "out_channels": 2}}


@pytest.mark.parametrize("stem", ["conv3x3", "conv7x7"])
@pytest.mark.parametrize("method", [HPS, MTAN, CTAN])
def test_bf16_channels_last_returns_float32(method, stem):
    torch.manual_seed(0)
    net = method(2, 1, TASKS, backbone="resnet18", stem=stem).to(memory_format=torch.channels_last)
    x = torch.rand(2, 1, *((32, 40) if stem == "conv3x3" else (64, 48))).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        outputs = net(x)
    assert {output.dtype for output in outputs.values()} == {torch.float32}
    sum(output.square().mean() for output in outputs.values()).backward()
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())


def test_bf16_is_close_to_float32():
    torch.manual_seed(0)
    net = CTAN(2, 1, TASKS, backbone="resnet18", stem="conv7x7").train()  # batch statistics: values of order one
    x = torch.rand(4, 1, 64, 64)
    with torch.no_grad():
        expected = net(x)
        with torch.autocast("cpu", torch.bfloat16):
            outputs = net(x)
    for name in TASKS:  # batch norms of few values amplify the rounding of random weights, up to some 15 %
        pair = torch.stack([outputs[name].flatten(), expected[name].flatten()])
        assert torch.corrcoef(pair)[0, 1] > 0.95, name


@pytest.mark.parametrize("task", list(TASKS))
def test_the_last_layer_is_not_rounded_to_bf16(task):
    net = HPS(2, 1, TASKS, backbone="resnet18", stem="conv7x7").eval()
    head = net.decoders[task].head.layer
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        head.weight.zero_()
        head.bias.fill_(70.2)  # bf16 knows 70.0 and 70.5
        output = net(torch.rand(1, 1, 64, 64))[task]
    torch.testing.assert_close(output, torch.full_like(output, 70.2))
