# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class ClassificationLoss(nn.Module):
    """Cross-entropy of an image-level task (paper, table 1); images without a label do not count.

    One output channel: a binary task, binary cross-entropy of its logit. More channels: softmax cross-entropy.
    """

    def forward(self, input: torch.Tensor, target: torch.Tensor, present: torch.Tensor | None = None) -> torch.Tensor:
        """
        Args:
            input: logits (B, C).
            target: classes (B,) or (B, 1), from 0; with one output channel 0 or 1.
            present: (B,), zero where an image has no label; its target may hold anything. None: all have one.

        Returns:
            mean over the images with a label; 0, attached to the graph, if there is none.
        """
        target = target.reshape(-1)
        if target.shape[0] != input.shape[0]:
            raise ValueError(f"{input.shape[0]} outputs, but {target.shape[0]} labels: one label an image is needed.")
        keep = torch.ones_like(target, dtype=torch.bool) if present is None else present.reshape(-1) != 0
        target = torch.where(keep, target, torch.zeros_like(target))
        if input.shape[1] == 1:
            losses = F.binary_cross_entropy_with_logits(input[:, 0], target.to(input), reduction="none")
        else:
            losses = F.cross_entropy(input, target.long(), reduction="none")
        return torch.where(keep, losses, losses.detach() * 0).sum() / keep.sum().clamp(min=1)
