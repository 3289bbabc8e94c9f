# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""How a 2D network with image-level outputs sees a volume."""

from __future__ import annotations

from typing import Any

import torch
from monai.inferers import Inferer

__all__ = ["SliceFoldingInferer"]


class SliceFoldingInferer(Inferer):
    """Folds the K slices of each volume into the batch, and averages the network's logits over them.

    One volume is then one sample to loss and metrics, in training, evaluation and inference alike, while the network
    (and its export) sees single slices. MONAI's ``SliceInferer`` stitches maps and has no mean over slices.

    Args:
        slices_per_pass: slices that go through the network at once; None: all of a batch, which training needs for
            batch norm to see one batch. A smaller number bounds the memory of evaluation and gives the same result.
        channels_last: give the slices in the memory format in which 2D convolutions are quickest.
    """

    def __init__(self, slices_per_pass: int | None = None, channels_last: bool = False) -> None:
        super().__init__()
        if slices_per_pass is not None and slices_per_pass < 1:
            raise ValueError(f"slices_per_pass is {slices_per_pass}: use 1 or more, or None for all.")
        self.slices_per_pass = slices_per_pass
        self.channels_last = channels_last

    def __call__(  # type: ignore[override]  # a network here gives a dictionary
        self, inputs: torch.Tensor, network: torch.nn.Module, *args: Any, **kwargs: Any
    ) -> dict[str, torch.Tensor]:
        """
        Args:
            inputs: (B, K, H, W), K slices of one channel, or (B, K, C, H, W).
            network: maps (N, C, H, W) to task name -> logits (N, n).
            args: passed on to the network.
            kwargs: keyword arguments for the network.

        Returns:
            task name -> mean logits (B, n).

        Raises:
            ValueError: inputs of another number of dimensions, or an output that is not image-level.
        """
        if inputs.dim() not in (4, 5):
            raise ValueError(
                f"the input has the shape {tuple(inputs.shape)}, expected (B, K, H, W) or (B, K, C, H, W): K slices of "
                "each volume."
            )
        batch, count = inputs.shape[:2]
        slices = inputs.reshape(batch * count, -1, *inputs.shape[-2:])
        if self.channels_last:
            slices = slices.contiguous(memory_format=torch.channels_last)
        parts = slices.split(self.slices_per_pass or len(slices))
        outputs = [network(part, *args, **kwargs) for part in parts]
        result = {}
        for task in outputs[0]:
            logits = torch.cat([output[task] for output in outputs])
            if logits.dim() != 2:
                raise ValueError(
                    f"task '{task}' has an output of shape {tuple(logits.shape)}: only image-level tasks, (N, n), can "
                    "be averaged over slices."
                )
            result[task] = logits.reshape(batch, count, -1).mean(dim=1)
        return result
