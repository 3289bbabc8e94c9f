# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from ctan_monai.networks import CTAN, HPS, MTAN
from ctan_monai.networks.attention_measures import _contribution, _mean_cosine, attention_maps
from ctan_monai.reports.attention import attention_picture

TASKS = {"a": {"level": "pixel", "out_channels": 2}, "b": {"level": "image", "out_channels": 3}}


def make(method: type) -> torch.nn.Module:
    torch.manual_seed(0)
    return method(2, 1, TASKS, backbone="resnet18", stem="conv7x7")


def test_masks_are_those_of_the_stages() -> None:
    network = make(CTAN)
    image = torch.rand(1, 1, 64, 96)
    maps = attention_maps(network, image)
    with torch.inference_mode():
        _, u, _ = network.trunk(image)
        first = network.attention[0].masks(u[0], [])
    for mask, found in zip(first, ("a", "b"), strict=True):
        np.testing.assert_allclose(maps.masks[found][0], mask[0].mean(0).numpy(), rtol=1e-5)
    assert [m.shape for m in maps.masks["a"]] == [(16, 24), (8, 12), (4, 6), (2, 3)]
    assert maps.bottleneck["b"].shape == (2, 3)
    assert maps.bottleneck["b"].max() == pytest.approx(1.0)
    assert not any(module._forward_hooks for module in network.modules()), "the hooks are gone"


def test_saturated_masks_are_counted() -> None:
    network = make(MTAN)
    block = network.attention[2].attention_blocks[1]
    with torch.no_grad():  # the norm's output is then its bias: 10 for half the channels, 0 for the others
        norm = next(m for m in block.modules() if isinstance(m, torch.nn.BatchNorm2d))
        norm.weight.zero_()
        norm.bias.zero_()
        norm.bias[: norm.bias.numel() // 2] = 10.0
    maps = attention_maps(network, torch.rand(1, 1, 64, 64))
    assert maps.saturated["b"][2] == pytest.approx(0.5)
    assert maps.bottleneck == {}, "MTAN has none"


def test_deviation_within_channels_is_not_that_of_their_mean() -> None:
    """Two channels that open in opposite halves: their mean is flat, each of them is not."""
    network = make(MTAN)
    block = network.attention[0].attention_blocks[0]
    mask = torch.full((1, 64, 16, 16), 0.2)
    mask[:, ::2, :8], mask[:, 1::2, 8:] = 0.6, 0.6
    block.register_forward_hook(lambda module, inputs, output: mask)
    maps = attention_maps(network, torch.rand(1, 1, 64, 64))
    assert maps.deviation["a"][0] == pytest.approx(0.2)
    assert maps.masks["a"][0].std() == pytest.approx(0.0, abs=1e-6)
    assert maps.cosines == {}, "MTAN has no bottleneck of its own"


def test_cosine_between_positions_by_hand() -> None:
    x = torch.tensor([[[1.0, 2.0, 0.0]], [[0.0, 0.0, 3.0]]])  # (1, 0), (2, 0) and (0, 3): cosines 1, 0 and 0
    assert _mean_cosine(x) == pytest.approx(1 / 3)
    assert _mean_cosine(torch.ones(3, 2, 2)) == pytest.approx(1.0)
    maps = attention_maps(make(CTAN), torch.rand(1, 1, 64, 96))
    assert {task: len(values) for task, values in maps.cosines.items()} == {"a": 2, "b": 2}


def test_contribution_by_hand() -> None:
    own = torch.tensor([[[1.0, 2.0]], [[0.0, 1.0]]])  # C = 2, one row of two places: (1, 0) and (2, 1)
    other = torch.tensor([[[3.0, 0.0]], [[0.0, -1.0]]])  # (3, 0) and (0, -1)
    # S = E_other^T E_own = [[3, 6], [0, -1]]; sums of absolute values over n: 9 and 1
    np.testing.assert_allclose(_contribution([own, other], 0), [[1.0, 1 / 9]])


def test_picture_has_a_row_a_task() -> None:
    maps = attention_maps(make(CTAN), torch.rand(1, 1, 64, 96))
    png = attention_picture(np.random.default_rng(0).random((64, 96)), maps)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"

    width, height = Image.open(io.BytesIO(png)).size
    assert width > 2 * height, "six columns and two rows"
    assert attention_picture(np.zeros((64, 96)), maps, transpose=True) != png
    other = np.random.default_rng(1).random((64, 96))
    assert attention_picture(other, maps) != png
    one, two = (attention_picture(image, maps, masks_only=True) for image in (np.zeros((64, 96)), other))
    assert one == two, "nothing of the image is in it"


def test_networks_without_attention() -> None:
    with pytest.raises(ValueError, match="HPS has no attention"):
        attention_maps(make(HPS), torch.rand(1, 1, 64, 64))
    with pytest.raises(ValueError, match="one image"):
        attention_maps(make(CTAN), torch.rand(2, 1, 64, 64))
