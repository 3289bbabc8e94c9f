# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import torch
from monai.losses import DiceCELoss


def merge_absent_labels(logits: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Move the probability of labels that were not contoured into the background (marginal loss).

    A patient without a contour of an organ still has the organ: its voxels are labelled background, wrongly. So that
    no organ is taught as background, p'_0 = p_0 + sum of p_c over the absent labels c, and p'_c = 0; a softmax of the
    returned logits gives exactly that. Source: Shi et al., "Marginal loss and exclusion loss for partially supervised
    multi-organ segmentation", Medical Image Analysis 70, 2021.

    Args:
        logits: (B, C, *spatial), channel 0 is the background.
        present: (B, C - 1), non-zero where that label was contoured in that sample.

    Returns:
        logits (B, C, *spatial) of the merged classes.
    """
    shape = (*present.shape, *([1] * (logits.dim() - 2)))
    absent = (present == 0).view(shape)
    # A finite stand-in for -inf: its softmax is exactly 0 in float32, and no NaN comes from inf - inf.
    floor = torch.finfo(logits.dtype).min / 2
    merged = torch.cat([logits[:, :1], logits[:, 1:].masked_fill(~absent, floor)], dim=1)
    background = torch.logsumexp(merged, dim=1, keepdim=True)
    return torch.cat([background, logits[:, 1:].masked_fill(absent, floor)], dim=1)


class ComboLoss(DiceCELoss):
    """Combo loss, 0.3 Dice + 0.7 cross-entropy (paper, table 1), for partly contoured samples.

    MONAI's :py:class:`monai.losses.DiceCELoss` with a softmax over background and labels; Dice leaves the background
    out and sums over the batch first (``batch=True``), since most slices hold no organ. A label that no voxel of the
    batch has does not count in its mean: its Dice loss is 1 whatever the network does, an offset without gradient that
    would change from batch to batch. Where it is found all the same, the cross-entropy tells.

    Args:
        lambda_dice: weight of the Dice loss.
        lambda_ce: weight of the cross-entropy.
    """

    def __init__(self, lambda_dice: float = 0.3, lambda_ce: float = 0.7) -> None:
        super().__init__(
            include_background=False,
            to_onehot_y=True,
            softmax=True,
            batch=True,
            lambda_dice=lambda_dice,
            lambda_ce=lambda_ce,
        )
        self.dice.reduction = "none"  # one value a label, for the mean over those the batch has

    def mean_dice(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Mean Dice loss of the labels with a voxel in the batch; 0, attached to the graph, if there is none.

        Args:
            logits: (B, C, *spatial).
            target: label map (B, 1, *spatial).
        """
        labels = torch.arange(1, logits.shape[1], device=target.device)
        held = (target.flatten() == labels.unsqueeze(1)).any(dim=1)
        losses = self.dice(logits, target).flatten()
        return torch.where(held, losses, losses * 0).sum() / held.sum().clamp(min=1)

    def forward(self, input: torch.Tensor, target: torch.Tensor, present: torch.Tensor | None = None) -> torch.Tensor:
        """
        Args:
            input: logits (B, C, *spatial).
            target: label map (B, 1, *spatial) with values 0..C-1.
            present: (B, C - 1), zero where a label was not contoured; None: all were. A sample without any contour
                counts neither in the Dice nor in the mean of the cross-entropy.
        """
        if present is None:
            return self.lambda_dice * self.mean_dice(input, target) + self.lambda_ce * self.ce(input, target)
        if present.shape != (input.shape[0], input.shape[1] - 1):
            raise ValueError(
                f"present must have shape (B, C - 1) = {(input.shape[0], input.shape[1] - 1)}, "
                f"got {tuple(present.shape)}."
            )
        logits = merge_absent_labels(input, present)
        labelled = (present != 0).any(dim=1).sum().clamp(min=1)
        # Samples without any contour have probability 1 of background, so they add 0 to the sum over pixels.
        cross_entropy = self.ce(logits, target) * (input.shape[0] / labelled)
        return self.lambda_dice * self.mean_dice(logits, target) + self.lambda_ce * cross_entropy
