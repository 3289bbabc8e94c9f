# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging

from ignite.engine import Engine, Events
from torch import nn

logger = logging.getLogger(__name__)


class CollapsedLayers:
    """Tells when layers die: when the weights of a normalisation layer have shrunk to nothing.

    Adam's ``weight_decay`` is added to the gradient and normalised with it. Where the loss asks little of a layer (of
    the deepest ones, in a network that starts from random weights), the decay is all that is left, and is made a full
    step: the layer shrinks to zero within some epochs, and all that lies behind it (stage 4, CTAN's bottleneck) has no
    effect. No loss curve shows it. The share of such layers goes to ``engine.state.metrics["collapsed_layers"]``, and a
    warning is logged when it grows.

    Args:
        network: whose batch, instance, group and layer normalisations are looked at.
        threshold: a layer whose median absolute weight is below this has collapsed; they start at 1.
    """

    def __init__(self, network: nn.Module, threshold: float = 0.05) -> None:
        self.layers = {
            name: module.weight
            for name, module in network.named_modules()
            if "Norm" in type(module).__name__ and isinstance(getattr(module, "weight", None), nn.Parameter)
        }
        self.threshold = threshold
        self._said = 0

    def attach(self, engine: Engine) -> None:
        """Attach to the trainer, before the handlers that log its metrics."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def collapsed(self) -> list[str]:
        """Names of the layers that have collapsed."""
        return [n for n, weight in self.layers.items() if weight.detach().abs().median().item() < self.threshold]

    def __call__(self, engine: Engine) -> None:
        """Publish the share, and warn of more than before."""
        if not self.layers:
            return
        names = self.collapsed()
        engine.state.metrics["collapsed_layers"] = len(names) / len(self.layers)
        if len(names) > self._said:
            logger.warning(
                "%d of %d normalisation layers have collapsed (median weight below %g; the first is %s): they pass "
                "nothing on, usually because of too much weight decay. Lower weight_decay, or decouple it (AdamW).",
                len(names), len(self.layers), self.threshold, names[0],
            )  # fmt: skip
        self._said = len(names)
