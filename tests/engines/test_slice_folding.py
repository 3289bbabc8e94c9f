# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch
from torch import nn

from ctan_monai.engines import SliceFoldingInferer
from ctan_monai.networks import HPS


class MeanAndMax(nn.Module):
    """Logits that can be worked out by hand; remembers the batches it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[int, ...]] = []

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        self.batches.append(tuple(x.shape))
        flat = x.flatten(1)
        return {"covid": flat.mean(1, keepdim=True), "severity": flat.amax(1, keepdim=True)}


def volumes() -> torch.Tensor:
    """Two volumes of three 1 x 2 slices."""
    return torch.tensor([[[[0.0, 2.0]], [[4.0, 4.0]], [[1.0, 7.0]]], [[[1.0, 1.0]], [[0.0, 0.0]], [[2.0, 6.0]]]])


@pytest.mark.parametrize("per_pass, batches", [(None, [6]), (4, [4, 2]), (1, [1] * 6)])
def test_logits_are_averaged_over_the_slices_of_each_volume(per_pass: int | None, batches: list[int]) -> None:
    network = MeanAndMax()
    outputs = SliceFoldingInferer(per_pass)(volumes(), network)
    assert [b[0] for b in network.batches] == batches
    assert network.batches[0][1:] == (1, 1, 2)
    torch.testing.assert_close(outputs["covid"], torch.tensor([[(1 + 4 + 4) / 3], [(1 + 0 + 4) / 3]]))
    torch.testing.assert_close(outputs["severity"], torch.tensor([[(2 + 4 + 7) / 3], [(1 + 0 + 6) / 3]]))


def test_several_channels() -> None:
    network = MeanAndMax()
    SliceFoldingInferer()(torch.zeros(2, 3, 4, 8, 8), network)
    assert network.batches == [(6, 4, 8, 8)]


def test_a_network_has_a_gradient_and_passes_agree() -> None:
    tasks = {t: {"level": "image", "out_channels": 1} for t in ("covid", "severity")}
    torch.manual_seed(0)
    network = HPS(2, 1, tasks, "resnet18", "conv7x7").eval()
    image = torch.rand(2, 3, 40, 40)
    whole = SliceFoldingInferer(channels_last=True)(image, network)
    parts = SliceFoldingInferer(2)(image, network)
    for task in tasks:
        assert whole[task].shape == (2, 1)
        torch.testing.assert_close(whole[task], parts[task], atol=1e-5, rtol=1e-4)
    whole["covid"].sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in network.trunk.parameters())


def test_wrong_input_and_pixel_level_tasks() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 3, 4\), expected \(B, K, H, W\)"):
        SliceFoldingInferer()(torch.zeros(2, 3, 4), MeanAndMax())
    with pytest.raises(ValueError, match=r"'dose' has an output of shape .*only image-level tasks"):
        SliceFoldingInferer()(volumes(), lambda x: {"dose": x})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="slices_per_pass is 0"):
        SliceFoldingInferer(0)
