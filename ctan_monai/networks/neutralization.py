# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Parts of a trained network put out of action one at a time, to see whether anything depends on them.

All of it is done from outside, by hooks that are removed again: the networks' forward pass knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from .ctab import CTAB
from .ctae import CTAE

__all__ = ["channel_means", "neutral_parts", "neutralize"]

Means = Mapping[nn.Module, torch.Tensor]


def neutral_parts(network: nn.Module) -> list[str]:
    """The parts of a network that ``neutralize`` knows.

    "stage4": all that the decoders get of stage 4. "masks1" to "masks4": the masks of a stage. "ctab": all of CTAB's
    output. "equation2": the term of equation 2 alone, the identity path kept. "equation2_mean": that term again, but
    replaced by its mean. "other_task": E_{t'} in equation 2.
    """
    stages = getattr(network, "attention", [])
    parts = ["stage4", *(f"masks{j}" for j, stage in enumerate(stages, start=1) if isinstance(stage, CTAE))]
    ctab = getattr(network, "bottleneck", None)
    if isinstance(ctab, CTAB):
        parts += ["ctab", *(["equation2"] if ctab.identity else []), "equation2_mean"]
        parts += ["other_task"] if ctab.cross and len(ctab.embeddings) > 1 else []
    return parts


@contextmanager
def channel_means(network: nn.Module) -> Iterator[dict[nn.Module, torch.Tensor]]:
    """Collects what ``neutralize`` puts in the place of masks and of equation 2's term.

    Yields:
        a dict that holds, on leaving, the mean of each mask and term over all images and positions that passed through
        the network inside: (1, C, 1, ...).
    """
    means: dict[nn.Module, torch.Tensor] = {}
    sums: dict[nn.Module, tuple[torch.Tensor, int]] = {}

    def add(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        values = output.detach().double()
        axes = [0, *range(2, values.dim())]
        total, count = sums.get(module, (torch.zeros(()), 0))
        sums[module] = values.sum(axes, keepdim=True) + total.to(values), count + values[:, 0].numel()

    with ExitStack() as hooks:
        for module in [block for part in _replaceable(network).values() for block in part]:
            hooks.callback(module.register_forward_hook(add).remove)
        yield means
    means.update({module: total / count for module, (total, count) in sums.items()})


@contextmanager
def neutralize(network: nn.Module, part: str, means: Means) -> Iterator[None]:
    """Puts one part of a network out of action while the context lasts.

    Stage 4, CTAB's output and equation 2's term are set to 0; masks and "equation2_mean" to their mean over images and
    positions, channel by channel, so that the scale of what they act on stays; E_{t'} becomes E_t.

    Args:
        network: STL, HPS, MTAN or CTAN, not scripted.
        part: one of ``neutral_parts(network)``.
        means: of ``channel_means``.

    Raises:
        ValueError: for a part that the network does not have.
    """
    if part not in neutral_parts(network):
        raise ValueError(f"Unknown part {part!r}: use one of {', '.join(neutral_parts(network))}.")
    ctab: Any = getattr(network, "bottleneck", None)
    decoders: Any = network.decoders
    with ExitStack() as undo:
        if part == "stage4":
            for decoder in decoders.values():
                undo.callback(decoder.register_forward_pre_hook(_without_stage4).remove)
        elif part == "ctab":
            undo.callback(ctab.register_forward_hook(lambda _, inputs, output: [x * 0 for x in output]).remove)
        elif part == "equation2":
            for projection in ctab.projections:
                undo.callback(projection.register_forward_hook(lambda _, inputs, output: output * 0).remove)
        elif part == "other_task":
            undo.callback(setattr, ctab, "cross", True)
            ctab.cross = False
        else:
            for module in _replaceable(network)[part]:
                undo.callback(module.register_forward_hook(_mean_of(means[module])).remove)
        yield


def _replaceable(network: nn.Module) -> dict[str, list[nn.Module]]:
    """Part to the modules whose output has a mean that can take its place."""
    found: dict[str, list[nn.Module]] = {}
    for j, stage in enumerate(getattr(network, "attention", []), start=1):
        if isinstance(stage, CTAE):
            found[f"masks{j}"] = list(stage.attention_blocks)
    ctab = getattr(network, "bottleneck", None)
    if isinstance(ctab, CTAB):
        found["equation2_mean"] = list(ctab.projections)
    return found


def _mean_of(mean: torch.Tensor) -> Any:
    return lambda _, inputs, output: mean.to(output).expand_as(output)


def _without_stage4(decoder: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    bottleneck, skips, *others = inputs
    return bottleneck * 0, [*skips[:3], skips[3] * 0], *others
