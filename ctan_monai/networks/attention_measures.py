# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What CTAN and MTAN attend to: the masks of the encoder and the cross-task attention of the bottleneck."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import normalize

from .ctab import CTAB
from .ctae import CTAE
from .ctan import CTAN
from .mtan import MTAN

__all__ = ["AttentionMaps", "attention_maps"]

Tensors = dict[Any, torch.Tensor]
SATURATED = 0.05  # a mask value this near 0 or 1 passes hardly any gradient to its sigmoid


@dataclass(frozen=True)
class AttentionMaps:
    """Attention of one image.

    Attributes:
        masks: task to its masks A^j_t, stage by stage, each (H_j, W_j): the mean over channels, 0 to 1.
        saturated: task to the part of values of A^j_t within 0.05 of 0 or 1, stage by stage.
        deviation: task to the spatial standard deviation within the channels of A^j_t (the mean over channels), stage
            by stage. ``masks`` hides it: what one channel opens another closes.
        cosines: task to the mean cosine between two positions of A-hat^4_t and of equation 2's term: 1 where all
            positions are alike. Empty for MTAN.
        bottleneck: task to (H, W): how much each place adds to A-bar_t, sum over n of |S[m, n]| of equation 2, with
            the largest as 1. Empty for MTAN.
    """

    masks: dict[str, list[np.ndarray]]
    saturated: dict[str, list[float]]
    deviation: dict[str, list[float]]
    cosines: dict[str, list[float]]
    bottleneck: dict[str, np.ndarray]


def attention_maps(network: nn.Module, image: torch.Tensor) -> AttentionMaps:
    """Run one image through a network and keep its attention.

    Args:
        network: CTAN or MTAN with 2 spatial dimensions; left in evaluation mode.
        image: (1, C, H, W), on the network's device.

    Raises:
        ValueError: a network without attention, or not one image.
    """
    if not isinstance(network, CTAN | MTAN):
        raise ValueError(f"{type(network).__name__} has no attention: give the checkpoint of a CTAN or an MTAN.")
    stages = [stage for stage in network.attention if isinstance(stage, CTAE)]
    if len(stages) < len(network.attention):
        raise ValueError("This network's masks are constant: there is nothing to show.")
    if image.dim() != 4 or image.shape[0] != 1:
        raise ValueError(f"expected one image (1, C, H, W), got shape {tuple(image.shape)}.")
    modules = {("mask", j, t): m for j, stage in enumerate(stages) for t, m in enumerate(stage.attention_blocks)}
    if isinstance(bottleneck := getattr(network, "bottleneck", None), CTAB):
        modules |= {("embedding", 0, t): module for t, module in enumerate(bottleneck.embeddings)}
        modules |= {("term", 0, t): module for t, module in enumerate(bottleneck.projections)}
    inputs, outputs = _pass(network, image, modules)

    maps = AttentionMaps({}, {}, {}, {}, {})
    for t, task in enumerate(network.task_names):
        own = [outputs["mask", j, t] for j in range(len(stages))]
        maps.masks[task] = [mask.mean(0).numpy() for mask in own]
        maps.saturated[task] = [((m < SATURATED) | (m > 1 - SATURATED)).float().mean().item() for m in own]
        maps.deviation[task] = [m.flatten(1).std(dim=1, correction=0).mean().item() for m in own]
        if ("embedding", 0, t) in outputs:
            maps.cosines[task] = [_mean_cosine(x) for x in (inputs["embedding", 0, t], outputs["term", 0, t])]
            embedded = [outputs["embedding", 0, k] for k in range(len(network.task_names))]
            maps.bottleneck[task] = _contribution(embedded, t)
    return maps


def _pass(network: nn.Module, image: torch.Tensor, modules: Mapping[Any, nn.Module]) -> tuple[Tensors, Tensors]:
    """What goes into each module, and what comes out, without the batch's dimension."""
    inputs: Tensors = {}
    outputs: Tensors = {}

    def keep(place: Any) -> Callable[..., None]:
        def hook(module: nn.Module, arguments: Any, output: torch.Tensor) -> None:
            inputs[place], outputs[place] = (x[0].detach().float().cpu() for x in (arguments[0], output))

        return hook

    hooks = [module.register_forward_hook(keep(place)) for place, module in modules.items()]
    try:
        with torch.inference_mode():
            network.eval()(image)
    finally:
        for handle in hooks:
            handle.remove()
    return inputs, outputs


def _mean_cosine(x: torch.Tensor) -> float:
    """Mean cosine between the channels' values at two different positions of (C, H, W)."""
    directions = normalize(x.flatten(1), dim=0)
    number = directions.shape[1]
    return ((directions.sum(dim=1).square().sum().item() - number) / (number * (number - 1))) if number > 1 else 1.0


def _contribution(embedded: list[torch.Tensor], task: int) -> np.ndarray:
    """Sum over n of |S[m, n]|, S = E_{t'}^T E_t, the mean over the other tasks; the largest is 1."""
    own = embedded[task].flatten(1)
    others = [e.flatten(1) for k, e in enumerate(embedded) if k != task] or [own]
    total = torch.stack([(other.T @ own).abs().sum(1) for other in others]).mean(0)
    return (total / total.max().clamp(min=1e-12)).reshape(embedded[task].shape[1:]).numpy()
