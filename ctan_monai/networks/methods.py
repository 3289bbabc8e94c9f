# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""The methods that a bundle can train, by the name that its configs give them."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from .base import MultiTaskNetwork
from .ctan import CTAN
from .hps import HPS
from .mtan import MTAN
from .stl import STL
from .weights import load_pretrained
from .wide_hps import WideHPS

__all__ = ["METHODS", "Method", "method", "with_pretrained"]


@dataclass(frozen=True)
class Method:
    """A network class and the arguments that make it this method.

    Attributes:
        network: the class.
        description: one line on what it is; for an ablation, what it takes away.
        arguments: beside those that all methods share.
    """

    network: type[MultiTaskNetwork]
    description: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


METHODS: dict[str, Method] = {
    "STL": Method(STL, "single-task learning: one network for each task"),
    "HPS": Method(HPS, "hard parameter sharing: one trunk, one decoder for each task, no attention"),
    "MTAN": Method(MTAN, "each task's own attention masks on the shared trunk"),
    "CTAN": Method(CTAN, "the paper's network: the other task's masks (equation 1) and CTAB (equation 2)"),
    # Ablations
    "CTAN_without_CTAB": Method(CTAN, "CTAN without equation 2: cross-task masks alone", {"ctab": False}),
    "CTAN_trunk_skips": Method(
        CTAN,
        "CTAN without equation 2, skips from the trunk: with two tasks own masks, and nothing is exchanged",
        {"ctab": False, "attended_skips": False},
    ),
    "CTAN_relu_CTAB": Method(
        CTAN,
        "CTAN with ReLU in CTAB, without softmax and identity path: the reading of version 0.1",
        {"normalization": "none", "ctab_activation": "relu", "ctab_identity": False},
    ),
    "CTAN_without_softmax": Method(
        CTAN, "CTAN whose equation 2 is the plain product, as the paper writes it", {"normalization": "none"}
    ),
    "CTAN_without_identity": Method(CTAN, "CTAN whose bottleneck is equation 2 alone", {"ctab_identity": False}),
    "CTAN_own_CTAB": Method(CTAN, "CTAN whose equation 2 has E_t in place of the other task's", {"ctab_cross": False}),
    "CTAN_constant_masks": Method(CTAN, "CTAN with all masks 0.5: no equation 1", {"constant_masks": True}),
    "CTAN_shared_pool": Method(CTAN, "CTAN with one Pool a stage for all tasks", {"shared_pool": True}),
    "HPS_wide": Method(WideHPS, "HPS with CTAN's number of parameters"),
    "MTAN_with_CTAB": Method(MTAN, "CTAN without equation 1: each task's own masks, and CTAB", {"ctab": True}),
}


def method(name: str, unit_input: bool = False, later: bool = False) -> Callable[..., MultiTaskNetwork]:
    """The network of a method, to be called with the arguments of ``MultiTaskNetwork``.

    Args:
        name: a key of :py:data:`METHODS`.
        unit_input: True where images are scaled to 0 to 1 and not normalized by ImageNet's mean and standard deviation;
            pre-trained weights are adapted to that, see ``load_pretrained``. ``pretrained`` is then given by name.
        later: True leaves pre-trained weights to :py:func:`with_pretrained`, so that a network can be built where the
            host of these weights cannot be reached; ``pretrained`` is then given by name, too.

    Raises:
        ValueError: an unknown name; the message lists the known ones.
    """
    if name not in METHODS:
        near = {known.lower(): known for known in METHODS}
        found = difflib.get_close_matches(str(name).lower(), near, n=1)
        hint = f" Did you mean {near[found[0]]!r}?" if found else ""
        raise ValueError(f"Unknown method {name!r}: use one of {', '.join(METHODS)}.{hint}")
    chosen = METHODS[name]
    network = functools.partial(chosen.network, **chosen.arguments) if chosen.arguments else chosen.network
    return functools.partial(_build, network, unit_input, later) if unit_input or later else network


def with_pretrained(network: nn.Module) -> nn.Module:
    """Load the pre-trained weights with which a network of ``method(later=True)`` was to begin.

    Args:
        network: any; others are returned as they are.

    Raises:
        RuntimeError: the download failed; see :py:func:`ctan_monai.networks.weights.load_pretrained` for others.
    """
    pretrained, unit_input = network.__dict__.pop("_pretrained", (False, False))
    if pretrained is not False:
        load_pretrained(network.trunk, pretrained, unit_input)  # type: ignore[arg-type]
    return network


def _build(
    network: Callable[..., MultiTaskNetwork],
    unit_input: bool,
    later: bool,
    *arguments: Any,
    pretrained: bool | str | Path = False,
    **options: Any,
) -> MultiTaskNetwork:
    built = network(*arguments, **options)
    built.__dict__["_pretrained"] = (pretrained, unit_input)
    if not later:
        with_pretrained(built)
    return built
