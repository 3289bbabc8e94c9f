# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.engines.utils import IterationEvents
from torch import nn

from ctan_monai.losses import MultiTaskLoss


class GradientConflict:
    """Measures whether the tasks pull the shared trunk in the same direction.

    The paper explains the drop of its COVID-19 task by "per-task gradient collision" (section 4). Every ``interval``
    iterations this takes the gradient of each task's unweighted loss with respect to the trunk's parameters, and the
    cosine between each two: 1 the same direction, 0 unrelated, below 0 one task undoes the other. A measurement costs
    one more backward pass a task. The epoch's mean goes to ``engine.state.metrics["gradient_cosine_<a>_<b>"]``, and
    the part of measurements below 0 to "gradient_conflict_<a>_<b>".

    Args:
        loss: the loss that the trainer uses.
        network: the network; its ``trunk`` is what the tasks share.
        interval: iterations from one measurement to the next; 0 measures nothing.

    Raises:
        ValueError: a negative interval.
    """

    def __init__(self, loss: MultiTaskLoss, network: nn.Module, interval: int = 50) -> None:
        if interval < 0:
            raise ValueError(f"interval must be 0 (off) or a number of iterations, got {interval}.")
        self.loss = loss
        self.network = network
        self.interval = interval
        self._cosines: dict[tuple[str, str], list[torch.Tensor]] = {}

    def attach(self, engine: Engine) -> None:
        """Attach to a :py:class:`ctan_monai.engines.MultiTaskTrainer`, before the handlers that log its metrics."""
        if self.interval == 0 or len(self.loss.tasks) < 2:
            return
        engine.add_event_handler(Events.EPOCH_STARTED, self.started)
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self.measure)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.completed)

    def started(self, engine: Engine) -> None:
        """Forget the last epoch."""
        self._cosines = {}

    def measure(self, engine: Engine) -> None:
        """Gradients of this iteration's batch, before the step."""
        if engine.state.iteration % self.interval:
            return
        output: Any = engine.state.output
        gradients = self._gradients(output["pred"], output["label"])
        for a, b in itertools.combinations(gradients, 2):
            cosine = torch.nn.functional.cosine_similarity(gradients[a], gradients[b], dim=0)
            self._cosines.setdefault((a, b), []).append(cosine)

    def completed(self, engine: Engine) -> None:
        """Publish the epoch's figures."""
        for (a, b), cosines in self._cosines.items():
            values = torch.stack(cosines)
            engine.state.metrics[f"gradient_cosine_{a}_{b}"] = values.mean().item()
            engine.state.metrics[f"gradient_conflict_{a}_{b}"] = (values < 0).double().mean().item()

    def _gradients(
        self, outputs: Mapping[str, torch.Tensor], targets: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Each task's gradient as one vector; a task without labels in the batch, whose gradient is 0, is left out."""
        network: Any = getattr(self.network, "module", self.network)  # DistributedDataParallel
        shared = [p for p in network.trunk.parameters() if p.requires_grad]
        gradients = {}
        for task, loss in self.loss.losses.items():
            present = targets.get(f"{task}_present")
            if task not in targets or (present is not None and not bool((present != 0).any())):
                continue
            value = loss(outputs[task], targets[task], *([] if present is None else [present]))
            parts = torch.autograd.grad(value, shared, retain_graph=True, allow_unused=True)
            found = [torch.zeros_like(p) if g is None else g for p, g in zip(shared, parts, strict=True)]
            gradients[task] = torch.cat([g.flatten().float() for g in found])
        return gradients
