# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch
from torch import nn


class DoseMAELoss(nn.Module):
    """Mean absolute error of the dose (paper, table 1), on a scale near 1.

    The network predicts dose / ``dose_scale``, so that its output and this loss are of the size of the segmentation's.

    Args:
        dose_scale: Gy for an output of 1, usually the prescription.
    """

    def __init__(self, dose_scale: float = 70.0) -> None:
        super().__init__()
        if dose_scale <= 0:
            raise ValueError(f"dose_scale must be a positive dose in Gy, got {dose_scale}.")
        self.dose_scale = dose_scale

    def forward(self, input: torch.Tensor, target: torch.Tensor, present: torch.Tensor | None = None) -> torch.Tensor:
        """
        Args:
            input: predicted dose / dose_scale, (B, 1, *spatial).
            target: dose in Gy, (B, 1, *spatial).
            present: (B,), zero where a sample has no dose; None: all have one.
        """
        if present is None:
            return (input - target / self.dose_scale).abs().mean()
        present = present.reshape(-1) != 0
        keep = present.view(-1, *([1] * (input.dim() - 1)))
        # where(), not a product: the target of a sample without dose may be NaN, and NaN * 0 is NaN.
        error = torch.where(keep, input - target / self.dose_scale, input.detach() * 0).abs()
        return error.flatten(1).mean(1).sum() / present.sum().clamp(min=1)
