# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Wrong arguments and inputs: ValueError that names what was found and what is allowed."""

from __future__ import annotations

import pytest
import torch

from ctan_monai.networks import CTAB, CTAN, HPS, MTAN, STL

TASK = {"level": "pixel", "out_channels": 2}
TWO = {"a": TASK, "b": TASK}

# method, changed arguments, what the message must hold
ILL_CASES = [
    (HPS, {"spatial_dims": 1}, "spatial_dims is 1: use 2 or 3"),
    (HPS, {"in_channels": 0}, "in_channels is 0"),
    (HPS, {"backbone": "vgg16"}, "'vgg16': use one of resnet18, resnet34, resnet50, resnet101"),
    (HPS, {"backbone": "resnet18_half", "pretrained": True}, "No weights are published for resnet18_half"),
    (MTAN, {"stem": "conv5x5"}, "'conv5x5': use one of conv3x3, conv7x7"),
    (CTAN, {"tasks": {}}, "tasks is empty"),
    (STL, {"tasks": {}}, "tasks is empty"),
    (STL, {"tasks": TWO}, r"STL takes exactly one task, found 2 \(a, b\)"),
    (CTAN, {"tasks": {"a": {"level": "voxel", "out_channels": 2}}}, "'a' has level 'voxel': use one of pixel, image"),
    (CTAN, {"tasks": {"a": {"level": "pixel", "out_channels": 0}}}, "'a' has out_channels 0"),
    (
        CTAN,
        {"tasks": {"a": {"level": "pixel"}}},
        r"'a' has the keys \['level'\], expected exactly level and out_channels",
    ),
    (CTAN, {"tasks": {"left lung": TASK}}, "'left lung' cannot be used"),
    (CTAN, {"tasks": {"train": TASK}}, "'train' cannot be used"),
    (CTAN, {"normalization": "sigmoid"}, "'sigmoid': use one of none, softmax"),
    (CTAN, {"order": "random"}, "'random': use one of equation, prose"),
    (CTAN, {"ctab_activation": "gelu"}, "'gelu': use one of none, relu"),
]


@pytest.mark.parametrize(("method", "changed", "message"), ILL_CASES)
def test_wrong_argument(method, changed, message):
    arguments = {"spatial_dims": 2, "in_channels": 1, "tasks": {"a": TASK}, "backbone": "resnet18", **changed}
    with pytest.raises(ValueError, match=message):
        method(**arguments)


@pytest.mark.parametrize("method", [HPS, MTAN, CTAN])
def test_input_with_wrong_channels(method):
    net = method(2, 3, TWO, backbone="resnet18", stem="conv7x7")
    with pytest.raises(ValueError, match=r"has 1 channels, expected 3"):
        net(torch.rand(1, 1, 32, 32))


def test_input_with_wrong_dimensions():
    net = HPS(2, 1, TWO, backbone="resnet18", stem="conv7x7")
    with pytest.raises(ValueError, match=r"has 5 dimensions, expected 4"):
        net(torch.rand(1, 1, 32, 32, 32))


def test_bottleneck_refuses_unknown_options():
    with pytest.raises(ValueError, match="use one of none, softmax"):
        CTAB(2, 8, 2, normalization="max")
