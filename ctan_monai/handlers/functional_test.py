# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.metrics import DiceMetric
from scipy import stats

from ctan_monai.engines import MultiTaskEvaluator
from ctan_monai.files import read_training_record, write_json
from ctan_monai.metrics import DoseScore
from ctan_monai.networks.neutralization import channel_means, neutral_parts, neutralize

logger = logging.getLogger(__name__)

CONFIDENCE = 0.95


class FunctionalTest:
    """Tells what each part of a trained network does: how much validation loses when the part is neutralized.

    At the end of a training the best network is validated as it is, and again with each part of
    :py:func:`ctan_monai.networks.neutral_parts` neutralized. The result goes to "functional_test" in
    ``training.json``, and a part without which nothing is lost is named in a warning. Weights and gradients do not show
    that: a layer may be alive and its output of no use to what follows. It costs one validation a part.

    Args:
        weights: the best network's, "model.pt" beside ``training.json``; False or None: no test.
        validator: the training's validation engine; its logs and pictures are left alone.
    """

    def __init__(self, weights: str | Path | bool | None, validator: MultiTaskEvaluator) -> None:
        if weights is True:
            raise ValueError("functional_test is true: give the path of the weights to test, or false.")
        self.weights = Path(weights) if weights else None
        self.validator = validator

    def attach(self, engine: Engine) -> None:
        """Attach to the trainer, after the checkpoint and the record."""
        if self.weights is not None:
            engine.add_event_handler(Events.COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Test the best network and write the result."""
        assert self.weights is not None
        network: Any = self.validator.network
        network = getattr(network, "module", network)  # DistributedDataParallel
        last = {name: value.clone() for name, value in network.state_dict().items()}
        network.load_state_dict(torch.load(self.weights, map_location="cpu", weights_only=True))
        try:
            result = self.measure(network)
        finally:
            network.load_state_dict(last)
        if idist.get_rank() == 0:
            record = read_training_record(self.weights.parent) or {}
            write_json(self.weights.parent / "training.json", {**record, "functional_test": result})

    def measure(self, network: torch.nn.Module) -> dict[str, Any]:
        """Validation as it is, and what each part is worth.

        Returns:
            "score" and each task's value as they are; and "parts": part to "loss", by how much the score falls without
            it, "interval", its 95 % confidence interval (paired t over the cases; null where a task has no value for a
            single case), and each task's "<task>_loss".
        """
        evaluator = self.validator.without_handlers()
        with channel_means(network) as means:
            whole, cases = self._run(evaluator)
        parts: dict[str, Any] = {}
        for part in neutral_parts(network):
            with neutralize(network, part, means):
                without, without_cases = self._run(evaluator)
            losses = {"loss" if name == "score" else f"{name}_loss": whole[name] - without[name] for name in whole}
            interval = paired_interval(cases, without_cases)
            parts[part] = {**losses, "interval": interval}
            low = losses["loss"] if interval is None else interval[0]
            if not low > 0:
                logger.warning(
                    "validation loses nothing clear without %s (score %.4f, without %.4f, 95 %% interval of the loss "
                    "%s): the network makes no use of it.",
                    part, whole["score"], without["score"], interval,
                )  # fmt: skip
        return {**whole, "cases": None if cases is None else len(cases), "parts": parts}

    def _run(self, evaluator: MultiTaskEvaluator) -> tuple[dict[str, float], np.ndarray | None]:
        """One validation: its metrics, and the mean over tasks for each case, where all tasks have one."""
        evaluator.run()
        metrics = {"score": float(evaluator.state.metrics[evaluator.state.key_metric_name])}
        metrics |= {name: float(value) for name, value in evaluator.state.metrics.items() if name not in metrics}
        values = [_by_case(metric) for metric in evaluator.task_metrics.values()]
        known = [v for v in values if v is not None]
        if not known or len(known) < len(values) or len({len(v) for v in known}) > 1:
            return metrics, None
        return metrics, np.mean(known, axis=0)


def paired_interval(whole: np.ndarray | None, without: np.ndarray | None) -> list[float] | None:
    """95 % interval of the mean difference of two values a case (Student's t); None where it cannot be given."""
    if whole is None or without is None or len(whole) != len(without):
        return None
    differences = whole - without
    differences = differences[np.isfinite(differences)]
    if len(differences) < 2:
        return None
    if not differences.std() > 0:
        return [float(differences[0])] * 2
    low, high = stats.t.interval(CONFIDENCE, len(differences) - 1, differences.mean(), stats.sem(differences))
    return [float(low), float(high)]


def _by_case(metric: Any) -> np.ndarray | None:
    """Each case's value of a metric that is a mean over cases, itself the mean over classes; None for others."""
    if not isinstance(metric.metric_fn, DiceMetric | DoseScore):
        return None
    buffer: Any = metric.metric_fn.get_buffer()
    values = buffer.double().cpu().numpy().reshape(len(buffer), -1)
    counts = np.isfinite(values).sum(axis=1)
    return np.where(counts > 0, np.nansum(values, axis=1) / np.maximum(counts, 1), np.nan)
