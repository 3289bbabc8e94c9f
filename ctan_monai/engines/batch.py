# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from monai.engines import PrepareBatch

from ctan_monai.utils.keys import PRESENT

FAILURE = "failure"  # of a case that could not be loaded: the reason


class PrepareMultiTaskBatch(PrepareBatch):
    """Split a batch into the network's input and the labels of the tasks, by name.

    Args:
        tasks: names of the tasks; the batch holds each task's label under that name and, where samples may lack it,
            "<task>_present".
        image_key: key of the input.
        channels_last: give the input in the memory format in which 2D and 3D convolutions are quickest.
    """

    def __init__(self, tasks: Sequence[str], image_key: str = "image", channels_last: bool = False) -> None:
        self.tasks = list(tasks)
        self.image_key = image_key
        self.channels_last = channels_last

    def __call__(
        self,
        batchdata: Mapping[str, Any],
        device: str | torch.device | None = None,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """
        Returns:
            the image (B, C, *spatial) and a dict of labels, which is empty where the batch has none (inference).
        """
        image = batchdata[self.image_key].to(device=device, non_blocking=non_blocking, **kwargs)
        if self.channels_last:
            image = image.contiguous(memory_format=torch.channels_last if image.dim() == 4 else torch.channels_last_3d)
        targets = {}
        for task in self.tasks:
            for key in (task, task + PRESENT):
                if key in batchdata:
                    targets[key] = torch.as_tensor(batchdata[key]).to(device=device, non_blocking=non_blocking)
        return image, targets
