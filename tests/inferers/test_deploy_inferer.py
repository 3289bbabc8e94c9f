# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch
from monai.inferers import SimpleInferer
from torch import nn

from ctan_monai.inference import DeployInferer


class TwoTasks(nn.Module):
    """A map and a number from one image."""

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"segmentation": x * 2, "diagnosis": x.mean(dim=(1, 2, 3))[:, None]}


def test_the_first_item_is_one_sample_with_the_outputs_of_all_tasks() -> None:
    """The operator keeps the first item, and merges a dict into the item that the post-processing sees."""
    image = torch.stack([torch.ones(1, 2, 2), torch.zeros(1, 2, 2)])
    outputs = DeployInferer(SimpleInferer())(image, TwoTasks())
    assert len(outputs) == 2
    assert set(outputs[0]) == {"pred"}
    assert torch.equal(outputs[0]["pred"]["segmentation"], torch.full((1, 2, 2), 2.0))
    assert outputs[0]["pred"]["diagnosis"].tolist() == [1.0]


def test_other_tensors_of_the_preprocessing_do_not_reach_the_network() -> None:
    outputs = DeployInferer(SimpleInferer())(inputs=torch.ones(1, 1, 2, 2), network=TwoTasks(), body=torch.ones(1))
    assert set(outputs[0]["pred"]) == {"segmentation", "diagnosis"}
