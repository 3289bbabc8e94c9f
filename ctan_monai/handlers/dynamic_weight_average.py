# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from ignite.engine import Engine, Events

from ctan_monai.losses import MultiTaskLoss


def dwa_weights(before_last: Sequence[float], last: Sequence[float], temperature: float = 2.0) -> list[float]:
    """Task weights of Dynamic Weight Averaging.

    lambda_k = K exp(w_k / T) / sum_i exp(w_i / T), with w_k = L_k(t-1) / L_k(t-2).
    Source: Liu, Johns, Davison, "End-to-end multi-task learning with attention", CVPR 2019, eq. 7.

    Args:
        before_last: L_k(t-2), the epoch means of the task losses two epochs ago.
        last: L_k(t-1), those of the last epoch.
        temperature: T; a large one makes the weights equal.

    Example:
        >>> first, second = dwa_weights([1.0, 1.0], [1.0, 4.0])
        >>> print(f"{first:.4f} {second:.4f}")
        0.3649 1.6351
    """
    ratios = [b / max(a, 1e-12) / temperature for a, b in zip(before_last, last, strict=True)]
    top = max(ratios)
    exps = [math.exp(r - top) for r in ratios]
    return [len(exps) * e / sum(exps) for e in exps]


class DynamicWeightAverage:
    """Sets the weights of a :py:class:`MultiTaskLoss` before each epoch by :py:func:`dwa_weights`.

    The weights are 1 in the first two epochs. It reads the epoch means of the *unweighted training* losses that
    :py:class:`ctan_monai.handlers.TaskLossMeans` publishes, which must be attached before; these are reduced over the
    ranks, so that all ranks have the same weights. A task without labels in an epoch keeps its weight, and the others
    share the rest. Its state, for the checkpoint, is the last means: a run that is resumed has the same weights.

    Args:
        loss: the loss whose weights are set.
        temperature: T of the paper's reference, 2.
    """

    def __init__(self, loss: MultiTaskLoss, temperature: float = 2.0) -> None:
        if temperature <= 0:
            raise ValueError(f"temperature must be positive, got {temperature}.")
        self.loss = loss
        self.temperature = temperature
        self._history: list[dict[str, float]] = []

    def attach(self, engine: Engine) -> None:
        """Attach to the trainer, after :py:class:`TaskLossMeans`."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Take the means of the epoch that ended and set the weights of the next."""
        try:
            means = {t: float(engine.state.metrics[f"{t}_loss"]) for t in self.loss.tasks}
        except KeyError as error:
            raise RuntimeError(f"no mean of {error}: attach TaskLossMeans before DynamicWeightAverage.") from None
        self._history = [*self._history[-1:], means]
        if len(self._history) == 2:
            self.loss.weights.copy_(torch.tensor(self._next_weights()))

    def _next_weights(self) -> list[float]:
        before_last, last = self._history
        current = dict(zip(self.loss.tasks, self.loss.weights.tolist(), strict=True))
        measured = [t for t in current if math.isfinite(before_last[t]) and math.isfinite(last[t])]
        if measured:
            shares = dwa_weights([before_last[t] for t in measured], [last[t] for t in measured], self.temperature)
            kept = sum(w for t, w in current.items() if t not in measured)
            scale = (len(current) - kept) / len(measured)
            current.update({t: share * scale for t, share in zip(measured, shares, strict=True)})
        return list(current.values())

    def state_dict(self) -> dict[str, Any]:
        """The last means and the weights now in force."""
        return {"history": [dict(h) for h in self._history], "weights": self.loss.weights.tolist()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state of :py:meth:`state_dict`; a state of other tasks is a ValueError."""
        tasks = set(self.loss.tasks)
        if any(set(h) != tasks for h in state["history"]):
            raise ValueError(
                f"the weighting state is of tasks {[sorted(h) for h in state['history']]}, not {sorted(tasks)}."
            )
        self._history = [dict(h) for h in state["history"]]
        self.loss.weights.copy_(torch.tensor(state["weights"]))


class EqualWeights:
    """Leaves all task weights at 1; takes the place of a weighting handler in a config."""

    def __init__(self, loss: MultiTaskLoss) -> None:
        self.loss = loss

    def attach(self, engine: Engine) -> None:
        """Nothing to do during training."""

    def state_dict(self) -> dict[str, Any]:
        """No state."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Refuses the state of another weighting."""
        if state:
            raise ValueError("the checkpoint is of a run with another weighting: resume with the same --weighting.")
