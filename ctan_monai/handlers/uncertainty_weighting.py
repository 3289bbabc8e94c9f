# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from monai.engines.utils import IterationEvents

from ctan_monai.losses import MultiTaskLoss


class UncertaintyWeighting:
    """Task weights that are learned with the network (Kendall et al. 2018); see :py:class:`MultiTaskLoss`.

    The optimizer moves them; this handler keeps them in the checkpoint, shows them in the log, and averages their
    gradients over the ranks, which DistributedDataParallel does for the network's parameters alone.

    Args:
        loss: made with ``uncertainty=True``.

    Raises:
        ValueError: a loss without learned weights.
    """

    def __init__(self, loss: MultiTaskLoss) -> None:
        if loss.log_variances is None:
            raise ValueError("UncertaintyWeighting needs a MultiTaskLoss made with uncertainty=True.")
        self.loss = loss
        self.log_variances = loss.log_variances

    def attach(self, engine: Engine) -> None:
        """Attach to the trainer, after :py:class:`TaskLossMeans`."""
        engine.add_event_handler(IterationEvents.BACKWARD_COMPLETED, self.average_gradients)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.show)

    def average_gradients(self, engine: Engine) -> None:
        """The mean over ranks, so that all ranks take the same step."""
        gradient = self.log_variances.grad
        if gradient is not None and idist.get_world_size() > 1:
            total = idist.all_reduce(gradient)
            assert isinstance(total, torch.Tensor)
            gradient.copy_(total / idist.get_world_size())

    def show(self, engine: Engine) -> None:
        """Put the weights where the logs of the next epoch read them."""
        self.loss.weights.copy_(torch.exp(-self.log_variances.detach()))

    def state_dict(self) -> dict[str, Any]:
        """The learned values, one a task."""
        return {"tasks": list(self.loss.tasks), "log_variances": self.log_variances.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state of :py:meth:`state_dict`; that of other tasks or another weighting is a ValueError."""
        if state.get("tasks") != self.loss.tasks:
            raise ValueError(
                f"the checkpoint is of a run with another weighting or other tasks ({state.get('tasks')}, not "
                f"{self.loss.tasks}): resume with the same --weighting."
            )
        with torch.no_grad():
            self.log_variances.copy_(torch.tensor(state["log_variances"]))
        self.loss.weights.copy_(torch.exp(-self.log_variances.detach()))
