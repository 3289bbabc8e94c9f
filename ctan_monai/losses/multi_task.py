# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

import torch
from torch import nn


class LossOutput(TypedDict):
    """What :py:class:`MultiTaskLoss` returns."""

    loss: torch.Tensor  # scalar, weighted sum, with gradient
    task_losses: dict[str, torch.Tensor]  # scalars, not weighted, detached
    task_counts: dict[str, torch.Tensor]  # scalars, samples that have the task's label


class MultiTaskLoss(nn.Module):
    """Weighted sum of named task losses; samples without a task's label do not count in it.

    The sum is L = sum_k lambda_k L_k. The weights lambda_k are a buffer, 1 at first, for a weighting handler such as
    :py:class:`ctan_monai.handlers.DynamicWeightAverage` to set. With ``uncertainty`` they are learned instead:

        L = sum_k exp(-s_k) L_k + s_k / 2,  s_k = log sigma_k^2

    as Kendall, Gal and Cipolla ("Multi-task learning using uncertainty to weigh losses", CVPR 2018, eq. 10) have it for
    a classification; one formula for all tasks (theirs halves the term of a regression with Gaussian noise, which an
    absolute error is not). The loss then has a parameter of its own, ``log_variances``, for the optimizer.

    Args:
        losses: task name to its loss, called as ``loss(output, target, present)``.
        tasks: names of the tasks to use, in this order; None: all of ``losses``.
        uncertainty: learn the weights.

    Raises:
        ValueError: a task without a loss, or no task.
    """

    weights: torch.Tensor

    def __init__(
        self, losses: Mapping[str, nn.Module], tasks: Sequence[str] | None = None, uncertainty: bool = False
    ) -> None:
        super().__init__()
        names = list(losses) if tasks is None else list(tasks)
        missing = [t for t in names if t not in losses]
        if missing or not names:
            raise ValueError(f"no loss for the tasks {missing or names}: losses are given for {sorted(losses)}.")
        self.losses = nn.ModuleDict({t: losses[t] for t in names})
        self.register_buffer("weights", torch.ones(len(names)))
        self.log_variances = nn.Parameter(torch.zeros(len(names))) if uncertainty else None

    @property
    def tasks(self) -> list[str]:
        """Task names in the order of the weights."""
        return list(self.losses)

    def forward(self, outputs: Mapping[str, torch.Tensor], targets: Mapping[str, torch.Tensor]) -> LossOutput:
        """
        Args:
            outputs: task name to the network's output (B, ...).
            targets: task name to label (B, ...), and optionally "<task>_present" (B,) or (B, L), zero where a sample
                lacks that label. A task that is missing altogether gives a zero that is attached to the graph, so that
                the backward pass (and DDP) finds every parameter.
        """
        total: torch.Tensor | None = None
        task_losses, task_counts = {}, {}
        weights = self.weights if self.log_variances is None else torch.exp(-self.log_variances)
        for k, (task, loss) in enumerate(self.losses.items()):
            if task not in outputs:
                raise ValueError(f"the network has no output for task '{task}': it has {sorted(outputs)}.")
            output = outputs[task]
            target, present = targets.get(task), targets.get(f"{task}_present")
            if target is None:
                value, count = output.sum() * 0.0, output.new_zeros(())
            elif present is None:
                value, count = loss(output, target), output.new_tensor(float(output.shape[0]))
            else:
                count = (present.reshape(present.shape[0], -1) != 0).any(dim=1).sum().to(output.dtype)
                value = loss(output, target, present)
            task_losses[task], task_counts[task] = value.detach(), count
            term = weights[k] * value
            if self.log_variances is not None:  # a batch without the task's labels says nothing about its noise
                term = term + (count > 0) * self.log_variances[k] / 2
            total = term if total is None else total + term
        assert total is not None
        return {"loss": total, "task_losses": task_losses, "task_counts": task_counts}

    def present_losses(
        self, outputs: Mapping[str, torch.Tensor], targets: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """Unweighted losses with their graphs, of the tasks that have labels in the batch; see :py:meth:`forward`."""
        losses = {}
        for task, loss in self.losses.items():
            present = targets.get(f"{task}_present")
            if task in targets and (present is None or bool((present != 0).any())):
                losses[task] = loss(outputs[task], targets[task], *([] if present is None else [present]))
        return losses
