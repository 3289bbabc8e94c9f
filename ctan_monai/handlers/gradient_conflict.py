# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.engines.utils import IterationEvents
from torch import nn
from torch.nn.functional import cosine_similarity

from ctan_monai.losses import MultiTaskLoss
from ctan_monai.utils.network_state import unwrap


class GradientConflict:
    """Measures whether the tasks pull the shared trunk in the same direction.

    The paper explains the drop of its COVID-19 task by "per-task gradient collision" (section 4). A single batch's
    gradient is mostly noise, so gradients are averaged first. Every ``interval`` iterations this takes the gradient of
    each task's unweighted loss with respect to the trunk's parameters, and adds it to one of two sums a task: the
    measurements of an epoch go to the two halves in turn. A measurement costs one more backward pass a task, the sums
    the memory of two trunks a task. At the end of the epoch the trainer's metrics get

    - "gradient_cosine_<a>_<b>": cosine of a's mean gradient in one half with b's in the other, mean of both pairings.
      1 is the same direction, 0 unrelated; below 0 one task undoes the other. Opposite halves share no batch, so what
      both tasks owe to the noise of one batch does not count.
    - "gradient_ceiling_<a>": split-half cosine, a's mean gradient in one half with a's in the other. A task that wants
      the same as a cannot be expected to come closer: a cosine says something only where the ceilings are well above 0.

    A half without labels of the task gives no figure.

    Args:
        loss: the loss that the trainer uses.
        network: the network; its ``trunk`` is what the tasks share.
        interval: iterations from one measurement to the next; 0 measures nothing.

    Raises:
        ValueError: a negative interval.
    """

    def __init__(self, loss: MultiTaskLoss, network: nn.Module, interval: int = 10) -> None:
        if interval < 0:
            raise ValueError(f"interval must be 0 (off) or a number of iterations, got {interval}.")
        self.loss = loss
        self.network = network
        self.interval = interval
        self._measurements = 0
        self._sums: dict[str, dict[int, torch.Tensor]] = {}  # of each task, by half

    def attach(self, engine: Engine) -> None:
        """Attach to a :py:class:`ctan_monai.engines.MultiTaskTrainer`, before the handlers that log its metrics."""
        if self.interval == 0 or len(self.loss.tasks) < 2:
            return
        engine.add_event_handler(Events.EPOCH_STARTED, self.started)
        engine.add_event_handler(IterationEvents.LOSS_COMPLETED, self.measure)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.completed)

    def started(self, engine: Engine) -> None:
        """Forget the last epoch."""
        self._measurements, self._sums = 0, {}
        for name in [
            name for name in engine.state.metrics if name.startswith(("gradient_cosine_", "gradient_ceiling_"))
        ]:
            del engine.state.metrics[name]

    def measure(self, engine: Engine) -> None:
        """Add the gradients of this iteration's batch, before the step."""
        if engine.state.iteration % self.interval:
            return
        output: Any = engine.state.output
        half = self._measurements % 2
        self._measurements += 1
        for task, gradient in self._gradients(output["pred"], output["label"]).items():
            sums = self._sums.setdefault(task, {})
            sums[half] = sums[half].add_(gradient) if half in sums else gradient

    def completed(self, engine: Engine) -> None:
        """Publish the epoch's figures; a cosine needs no division by the number of batches."""
        whole = {task: sums for task, sums in self._sums.items() if len(sums) == 2}
        metrics = engine.state.metrics
        for a, b in itertools.combinations(whole, 2):
            pairs = (cosine_similarity(whole[a][half], whole[b][1 - half], dim=0).item() for half in (0, 1))
            metrics[f"gradient_cosine_{a}_{b}"] = statistics.fmean(pairs)
        for task, sums in whole.items():
            metrics[f"gradient_ceiling_{task}"] = cosine_similarity(sums[0], sums[1], dim=0).item()
        self._sums = {}

    def _gradients(
        self, outputs: Mapping[str, torch.Tensor], targets: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Each task's gradient as one vector; a task without labels in the batch, whose gradient is 0, is left out."""
        network: Any = unwrap(self.network)
        shared = [p for p in network.trunk.parameters() if p.requires_grad]
        gradients = {}
        for task, value in self.loss.present_losses(outputs, targets).items():
            parts = torch.autograd.grad(value, shared, retain_graph=True, allow_unused=True)
            found = [torch.zeros_like(p) if g is None else g for p, g in zip(shared, parts, strict=True)]
            gradients[task] = torch.cat([g.flatten().float() for g in found])
        return gradients
