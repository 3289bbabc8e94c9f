# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ctan_monai.losses import MultiTaskLoss

from .gradient_aggregation import AGGREGATORS, GradientAggregation


def choose_weighting(weightings: Mapping[str, Callable[..., Any]], name: str, loss: MultiTaskLoss) -> Any:
    """The task weighting of that name, made for a loss; the others are not made.

    Args:
        weightings: name to what makes the handler when it is called with ``loss``. In a config these are components
            with ``"_mode_": "callable"``, which MONAI hands over without calling them.
        name: the weighting to use: one of these, or an aggregator of :py:class:`GradientAggregation`.
        loss: whose weights it sets.

    Raises:
        ValueError: an unknown name; the message lists the known ones.
    """
    if isinstance(name, str) and name in AGGREGATORS and name not in weightings:
        return GradientAggregation(loss, name)
    if not isinstance(name, str) or name not in weightings:
        given = repr(name) if isinstance(name, str) else f"a {type(name).__name__}"
        raise ValueError(
            f"weighting is {given}: use one of {', '.join(weightings)}, the names in the config's 'weightings', or an "
            f"aggregator of TorchJD: {', '.join(AGGREGATORS)}."
        )
    return weightings[name](loss=loss)
