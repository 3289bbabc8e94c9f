# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform

from ctan_monai.utils.keys import POSITION

from .stack_windows import checked_windows, window

SPACING = "spacing"


def slice_offsets(context: Sequence[float], spacing: float) -> list[int]:
    """Neighbors as numbers of slices: the nearest slice of each distance, at least one slice away.

    Args:
        context: distances in mm, not 0.
        spacing: distance of the slices in mm.

    Raises:
        ValueError: a distance of 0.
    """
    if any(distance == 0 for distance in context):
        raise ValueError(f"context holds a distance of 0 mm: {list(context)}. The slice itself is always an input.")
    return [round(distance / spacing) or (1 if distance > 0 else -1) for distance in context]


def input_channels(
    windows: Sequence[Sequence[float]], targets: bool = False, context: Sequence[float] = (), position: bool = False
) -> int:
    """Channels of the network's input, as :py:class:`NetworkInputd` makes them.

    Args:
        windows: intensity windows of the slice.
        targets: whether the prescribed dose is an input.
        context: distances of the neighboring slices, mm.
        position: whether the slice's position is an input.
    """
    return len(windows) + bool(targets) + len(context) * (1 + bool(targets)) + bool(position)


def channel_names(
    windows: Sequence[Sequence[float]], targets: bool = False, context: Sequence[float] = (), position: bool = False
) -> list[str]:
    """What each channel of the network's input is, for its metadata; arguments as of :py:func:`input_channels`."""
    first = f"window {windows[0][0]:g} to {windows[0][1]:g} HU"
    names = [f"CT, window {low:g} to {high:g} HU" for low, high in windows]
    names += ["prescribed dose / dose scale"] if targets else []
    for distance in context:
        names.append(f"CT of the slice at {distance:+g} mm, {first}")
        names += [f"prescribed dose / dose scale of the slice at {distance:+g} mm"] if targets else []
    return [*names, "position of the slice within the body"] if position else names


def input_planes(
    ct: Sequence[torch.Tensor],
    prescribed: Sequence[torch.Tensor],
    position: torch.Tensor | None,
    windows: Sequence[tuple[float, float]],
) -> list[torch.Tensor]:
    """The channels of the network's input in their order, of tensors of one shape.

    Args:
        ct: the slice and its neighbors in HU.
        prescribed: of each of them the prescribed dose / dose scale; empty without targets.
        position: of the slice within the body; None without it.
        windows: intensity windows.
    """
    planes = [window(ct[0], *bounds) for bounds in windows] + list(prescribed[:1])
    for k in range(1, len(ct)):
        planes += [window(ct[k], *windows[0]), *prescribed[k : k + 1]]
    return planes if position is None else [*planes, position]


class NetworkInputd(MapTransform):
    """The network's input: intensity windows of the slice and, where asked for, targets, neighbors and position.

    Channels in this order: the windows of the slice, scaled to [0, 1]; each voxel's prescribed dose / ``dose_scale``;
    for each neighbor the first window and, with targets, its prescribed dose; the slice's position within the body, 0
    at its first slice and 1 at its last, in the whole plane. A neighbor beyond the volume's end is the end's slice.

    It takes both forms in which slices come: a volume (1, X, Y, Z), and a training slice with its neighbors as
    channels, (1 + len(context), X, Y), as :py:class:`LoadAxialSliced` reads them.

    Args:
        keys: the CT in HU.
        windows: (low, high) of each window in HU.
        targets: whether "targets", the prescribed dose in Gy on the same grid, is an input; the highest where targets
            overlap.
        context: distances of the neighbors, mm, positive towards the last slice.
        position: whether the position is an input.
        dose_scale: Gy for an input of 1.
        targets_key: of the prescribed dose.
        body_key: of a volume's body, by which its slices have their position.

    Raises:
        ValueError: an empty window, or a number of channels that does not fit ``context``.
        KeyError: an item without the targets, or without what the position needs.
    """

    def __init__(
        self,
        keys: KeysCollection,
        windows: Sequence[Sequence[float]],
        targets: bool = False,
        context: Sequence[float] = (),
        position: bool = False,
        dose_scale: float = 70.0,
        targets_key: str = "targets",
        body_key: str = "body",
    ) -> None:
        super().__init__(keys)
        self.windows = checked_windows(windows)
        self.targets = bool(targets)
        self.context = [float(distance) for distance in context]
        self.position = bool(position)
        self.dose_scale = float(dose_scale)
        self.targets_key = targets_key
        self.body_key = body_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Replace the CT by the network's input; a MetaTensor keeps its meta data."""
        d = dict(data)
        for key in self.key_iterator(d):
            image = d[key]
            volume = image.ndim == 4
            if image.shape[0] != (1 if volume else 1 + len(self.context)):
                raise ValueError(
                    f"'{key}' has shape {tuple(image.shape)}: expected a volume (1, X, Y, Z), or a slice and its "
                    f"{len(self.context)} neighbors as channels."
                )
            spacing = self._spacing(d, image) if volume and self.context else 0.0
            ct = self._neighbors(image, spacing) if volume else list(image.split(1))
            dose: list[torch.Tensor] = []
            if self.targets:
                prescribed = d[self.targets_key].to(image) / self.dose_scale
                dose = self._neighbors(prescribed, spacing) if volume else list(prescribed.split(1))
            position = self._position(d, image) if self.position else None
            d[key] = torch.cat(input_planes(ct, dose, position, self.windows), dim=0)
        return d

    def _neighbors(self, volume: torch.Tensor, spacing: float) -> list[torch.Tensor]:
        slices = volume.shape[-1]
        places = torch.arange(slices, device=volume.device)
        offsets = slice_offsets(self.context, spacing) if self.context else []
        return [volume, *(volume[..., (places + offset).clamp(0, slices - 1)] for offset in offsets)]

    def _spacing(self, data: Mapping[Hashable, Any], image: Any) -> float:
        """Distance of the slices in mm."""
        return float(image.pixdim[2]) if hasattr(image, "pixdim") else float(data[SPACING][2])

    def _position(self, data: Mapping[Hashable, Any], image: torch.Tensor) -> torch.Tensor:
        plane = torch.ones_like(image[:1])
        if image.ndim == 3:
            return plane * float(data[POSITION])
        held = torch.nonzero((data[self.body_key] >= 0.5).flatten(0, 2).any(dim=0)).flatten()
        first, last = (int(held[0]), int(held[-1])) if len(held) else (0, image.shape[-1] - 1)
        places = torch.arange(image.shape[-1], device=image.device)
        return plane * ((places - first) / max(last - first, 1)).clamp(0, 1).to(image)
