# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""What STL, HPS, MTAN and CTAN have in common, so that only the sharing of features differs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .decoders import ImageDecoder, PixelDecoder
from .trunk import Trunk
from .weights import load_pretrained

__all__ = ["LEVELS", "MultiTaskNetwork"]

LEVELS = ("pixel", "image")
STRIDES = (2, 2, 2, 1)  # of the stage after each stage; 1 after the last


class MultiTaskNetwork(nn.Module):
    """Base of the four methods: a shared trunk, one decoder a task, and the checks of arguments and input.

    Args:
        spatial_dims: 2 or 3.
        in_channels: channels of the image.
        tasks: maps a task's name to ``{"level": "pixel" or "image", "out_channels": n}``.
        backbone: ``resnet18``, ``resnet34``, ``resnet50``, ``resnet101``, or ``resnet18_half`` (half as many channels).
        stem: ``conv3x3`` (stage 1 at full resolution) or ``conv7x7`` (the ImageNet stem), see ``Trunk``.
        pretrained: False; True for published weights, which are downloaded; or the path of a file of such weights. See
            ``load_pretrained``.
        width: factor of the trunk's channels, see ``Trunk``.
        own_bottleneck: False where a method's bottleneck is its skip of stage 4, see ``ImageDecoder``.

    Raises:
        ValueError: for an argument that is not allowed.
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        tasks: Mapping[str, Mapping[str, Any]],
        backbone: str = "resnet50",
        stem: str = "conv3x3",
        pretrained: bool | str | Path = False,
        *,
        width: float = 1.0,
        own_bottleneck: bool = True,
    ) -> None:
        super().__init__()
        if spatial_dims not in (2, 3):
            raise ValueError(f"spatial_dims is {spatial_dims}: use 2 or 3.")
        if in_channels < 1:
            raise ValueError(f"in_channels is {in_channels}: use 1 or more.")
        self.check_tasks(tasks)
        self.spatial_dims = spatial_dims
        self.in_channels = in_channels
        self.task_names = list(tasks)
        self.trunk = Trunk(spatial_dims, in_channels, backbone, stem, width)
        channels = self.trunk.channels
        stem_channels = self.trunk.stem_channels if stem == "conv7x7" else 0
        self.decoders = nn.ModuleDict(
            {
                name: PixelDecoder(spatial_dims, channels, stem_channels, task["out_channels"])
                if task["level"] == "pixel"
                else ImageDecoder(spatial_dims, channels, task["out_channels"], own_bottleneck)
                for name, task in tasks.items()
            }
        )
        load_pretrained(self.trunk, pretrained)

    @staticmethod
    def check_tasks(tasks: Mapping[str, Mapping[str, Any]]) -> None:
        """Raises ValueError where ``tasks`` does not map names to a level and a number of output channels."""
        if not tasks:
            raise ValueError("tasks is empty: name at least one task.")
        for name, task in tasks.items():
            # names become attributes of the module that holds the decoders, and parts of parameter names
            if not name.isidentifier() or hasattr(nn.ModuleDict, name):
                raise ValueError(f"Task name {name!r} cannot be used: choose another Python identifier.")
            if set(task) != {"level", "out_channels"}:
                raise ValueError(f"Task {name!r} has the keys {sorted(task)}, expected exactly level and out_channels.")
            if task["level"] not in LEVELS:
                raise ValueError(f"Task {name!r} has level {task['level']!r}: use one of {', '.join(LEVELS)}.")
            if not isinstance(task["out_channels"], int) or task["out_channels"] < 1:
                raise ValueError(
                    f"Task {name!r} has out_channels {task['out_channels']!r}: use an integer of 1 or more."
                )

    def check_input(self, x: torch.Tensor) -> None:
        """Raises ValueError where the input is not (B, in_channels, *spatial)."""
        if x.dim() != self.spatial_dims + 2:
            raise ValueError(
                f"The input has {x.dim()} dimensions, expected {self.spatial_dims + 2}: batch, channels and "
                f"{self.spatial_dims} spatial ones."
            )
        if x.shape[1] != self.in_channels:
            raise ValueError(f"The input has {x.shape[1]} channels, expected {self.in_channels} (in_channels).")

    def decode(
        self, x: torch.Tensor, stem: torch.Tensor, bottlenecks: list[torch.Tensor], skips: list[list[torch.Tensor]]
    ) -> dict[str, torch.Tensor]:
        """Runs every task's decoder.

        Args:
            x: the image, for its size.
            stem: the stem's feature, shared.
            bottlenecks: one for each task.
            skips: by stage, then by task.

        Returns:
            Each task's output, float32: (B, out_channels, *spatial) or (B, out_channels).
        """
        outputs: dict[str, torch.Tensor] = {}
        for t, (name, decoder) in enumerate(self.decoders.items()):
            outputs[name] = decoder(bottlenecks[t], [stage[t] for stage in skips], stem, x.shape[2:])
        return outputs
