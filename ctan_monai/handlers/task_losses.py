# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events

from ctan_monai.losses import MultiTaskLoss


class TaskLossMeans:
    """Epoch means of each task's loss, into ``engine.state.metrics["<task>_loss"]``.

    A mean is weighted by the samples that have the task's label, over all ranks; NaN where an epoch has none. Sums stay
    on the device until the epoch ends, so that no iteration waits for it. Attach it before the handlers that read the
    means (weighting, logs). The task weights of the epoch are put beside them as "<task>_weight", and the mean of their
    weighted sum as "loss".

    Args:
        loss: the loss that the trainer uses.
    """

    def __init__(self, loss: MultiTaskLoss) -> None:
        self.loss = loss
        self._sums: torch.Tensor | None = None

    def attach(self, engine: Engine) -> None:
        """Attach to a :py:class:`ctan_monai.engines.MultiTaskTrainer`."""
        engine.add_event_handler(Events.EPOCH_STARTED, self.started)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.iteration_completed)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.completed)

    def started(self, engine: Engine) -> None:
        """Forget the last epoch."""
        self._sums = None

    def iteration_completed(self, engine: Engine) -> None:
        """Add one batch to the sums."""
        outputs: Any = engine.state.output
        output = outputs[0]
        losses, counts = output["task_losses"], output["task_counts"]
        count = torch.stack([counts[t] for t in self.loss.tasks]).double()
        rows = torch.stack([torch.stack([losses[t] for t in self.loss.tasks]).double() * count, count])
        self._sums = rows if self._sums is None else self._sums + rows

    def completed(self, engine: Engine) -> None:
        """Reduce over ranks and publish."""
        if self._sums is None:
            raise RuntimeError("an epoch ended without a batch: the training set is empty.")
        reduced = idist.all_reduce(self._sums)
        assert isinstance(reduced, torch.Tensor)
        total, count = reduced.cpu()
        means = torch.where(count > 0, total / count, torch.full_like(total, torch.nan)).tolist()
        weights = self.loss.weights.tolist()
        for task, mean, weight in zip(self.loss.tasks, means, weights, strict=True):
            engine.state.metrics[f"{task}_loss"] = mean
            engine.state.metrics[f"{task}_weight"] = weight
        engine.state.metrics["loss"] = sum(w * m for w, m in zip(weights, means, strict=True) if m == m)
