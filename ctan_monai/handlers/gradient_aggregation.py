# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
import warnings
from collections.abc import Mapping
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events

from ctan_monai.losses import MultiTaskLoss
from ctan_monai.utils.errors import DataError

# name in the literature: class of TorchJD and its arguments, which are the authors' where TorchJD has no default
AGGREGATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "UPGrad": ("UPGrad", {}),
    "MGDA": ("MGDA", {}),
    "CAGrad": ("CAGrad", {"c": 0.4}),
    "PCGrad": ("PCGrad", {}),
    "Nash-MTL": ("NashMTL", {"max_norm": 1.0, "update_weights_every": 1, "optim_niter": 20}),
    "Aligned-MTL": ("AlignedMTL", {}),
    "IMTL-G": ("IMTLG", {}),
    "ConFIG": ("ConFIG", {}),
    "DualProj": ("DualProj", {}),
}


class GradientAggregation:
    """Combines the tasks' gradients by an aggregator of TorchJD, in place of the gradient of a weighted sum of losses.

    The aggregator gets J (K, P): row k is the gradient of task k's unweighted loss with respect to the P shared
    parameters, those that the losses of several tasks reach. What it returns (P,) is their gradient. Any other
    parameter has the gradient of its one task. A task without labels in the batch has no row; a single row stays as it
    is. Each step costs one backward pass a task, and the memory of K + 1 gradients.

    An aggregator with a state starts anew in each epoch, and one that draws at random draws by the number of the
    iteration, so that a resumed training takes the same steps.

    Args:
        loss: the loss that the trainer uses; its weights stay 1.
        aggregator: a key of ``AGGREGATORS``.

    Raises:
        DataError: TorchJD, or what the aggregator needs besides, is not installed.
        ValueError: an unknown aggregator.

    Reference: Quinton and Rey, "Jacobian descent for multi-objective optimization", arXiv 2406.16232, for UPGrad and
    the library; the other aggregators' papers stand in its documentation, https://torchjd.org.
    """

    def __init__(self, loss: MultiTaskLoss, aggregator: str = "UPGrad") -> None:
        if aggregator not in AGGREGATORS:
            raise ValueError(f"aggregator is {aggregator!r}: use one of {', '.join(AGGREGATORS)}.")
        self.loss = loss
        self.aggregator = aggregator
        self._made: dict[int, Any] = {}  # by the number of rows
        self._with_rows(max(len(loss.tasks), 2))  # what is not installed shows at the start

    def attach(self, engine: Engine) -> None:
        """Attach to a :py:class:`ctan_monai.engines.MultiTaskTrainer`, whose backward pass this one replaces.

        Raises:
            ValueError: training on several GPUs, or a trainer without a backward pass to replace.
        """
        if idist.get_world_size() > 1:
            raise ValueError(
                f"--weighting {self.aggregator} trains on one GPU: DistributedDataParallel averages the gradient of "
                "one loss, not those of several tasks. Use one GPU, or another weighting."
            )
        trainer: Any = engine
        if not hasattr(trainer, "backward"):
            raise ValueError(
                f"{type(engine).__name__} has no method 'backward': use ctan_monai.engines.MultiTaskTrainer."
            )
        trainer.backward = lambda output, count: self.backward(trainer, output, count)
        engine.add_event_handler(Events.EPOCH_STARTED, self.started)

    def started(self, engine: Engine) -> None:
        """Forget what an aggregator remembers of the last epoch."""
        self._made = {}

    def backward(self, trainer: Any, output: Mapping[str, Any], count: int = 1) -> None:
        """Add to each parameter's gradient, as a part of the mean over ``count`` batches.

        Args:
            trainer: has the network, and in its state the number of the iteration.
            output: the network's "pred", the "label" and the "loss".
            count: batches that one step of the optimizer averages.
        """
        parameters = [p for p in trainer.network.parameters() if p.requires_grad]
        losses = self.loss.present_losses(output["pred"], output["label"])
        if not losses:
            (output["loss"] / count).backward()
            return
        rows = [
            torch.autograd.grad(value, parameters, retain_graph=k < len(losses) - 1, allow_unused=True)
            for k, value in enumerate(losses.values())
        ]
        gradients = [[row[i] for row in rows if row[i] is not None] for i in range(len(parameters))]
        shared = [i for i, found in enumerate(gradients) if len(found) > 1]
        if shared:
            jacobian = torch.stack([torch.cat([_row(row[i], parameters[i]) for i in shared]) for row in rows])
            with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Nash-MTL's solver warns of its speed and of divisions on its way
                torch.manual_seed(trainer.state.iteration)
                combined = self._with_rows(len(rows))(jacobian)
            parts = combined.split([parameters[i].numel() for i in shared])
            for i, part in zip(shared, parts, strict=True):
                gradients[i] = [part.view_as(parameters[i])]
        for parameter, found in zip(parameters, gradients, strict=True):
            for gradient in found:
                if parameter.grad is None:  # in the parameter's own layout, which fused optimizers rely on
                    parameter.grad = torch.zeros_like(parameter)
                parameter.grad.add_(gradient, alpha=1 / count)

    def state_dict(self) -> dict[str, Any]:
        """The aggregator's name: nothing else outlives an epoch."""
        return {"aggregator": self.aggregator}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Refuses the state of another weighting."""
        if state != self.state_dict():
            raise ValueError("the checkpoint is of a run with another weighting: resume with the same --weighting.")

    def _with_rows(self, count: int) -> Any:
        if count not in self._made:
            name, arguments = AGGREGATORS[self.aggregator]
            if name == "NashMTL":
                arguments = {**arguments, "n_tasks": count}
            try:
                self._made[count] = getattr(importlib.import_module("torchjd.aggregation"), name)(**arguments)
            except (ImportError, NameError) as error:
                # NameError: TorchJD 0.18 looks for NumPy before it says that Nash-MTL's solver is missing
                raise DataError(
                    f"--weighting {self.aggregator} needs a library that is not installed ({error}): "
                    "pip install 'ctan-monai[weightings]'."
                ) from error
        return self._made[count]


def _row(gradient: torch.Tensor | None, parameter: torch.Tensor) -> torch.Tensor:
    found = torch.zeros_like(parameter) if gradient is None else gradient
    return found.flatten()
