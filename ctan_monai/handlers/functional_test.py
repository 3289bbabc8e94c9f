# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events

from ctan_monai.data import independent_units
from ctan_monai.engines import MultiTaskEvaluator
from ctan_monai.metrics import case_rows, paired_interval
from ctan_monai.networks.neutralization import channel_means, neutral_parts, neutralize
from ctan_monai.utils.files import read_training_record, write_json
from ctan_monai.utils.network_state import unwrap

logger = logging.getLogger(__name__)


def worth_of_parts(
    network: torch.nn.Module, run: Callable[[], tuple[dict[str, float], dict[str, Any]]], units: Any
) -> tuple[dict[str, float], dict[str, Any], dict[str, Any]]:
    """Validates a network as it is, and with each of its parts neutralized in turn.

    Args:
        network: of the validation.
        run: one validation: its metrics, "score" among them, and what :py:func:`ctan_monai.metrics.paired_interval`
            takes of its cases.
        units: of the cases.

    Returns:
        Metrics and cases of the whole network; and part to "loss", each task's "<task>_loss", and "interval".
    """
    with channel_means(network) as means:
        whole, cases = run()
    parts: dict[str, Any] = {}
    for part in neutral_parts(network):
        with neutralize(network, part, means):
            without, without_cases = run()
        losses = {"loss" if name == "score" else f"{name}_loss": whole[name] - without[name] for name in whole}
        parts[part] = {**losses, "interval": paired_interval(cases, without_cases, units)}
    return whole, cases, parts


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
        network = unwrap(self.validator.network)
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
            "score" and each task's value as they are; the number of "cases"; and "parts": part to "loss", by how much
            the score falls without it, "interval", its 95 % interval over the cases (Student's t where each case has a
            value, else a bootstrap: see :py:func:`ctan_monai.metrics.paired_interval`), and each task's "<task>_loss".
        """
        evaluator = self.validator.without_handlers()
        units = independent_units(self._cases())
        whole, cases, parts = worth_of_parts(network, lambda: self._run(evaluator), units)
        for part, found in parts.items():
            low = found["loss"] if found["interval"] is None else found["interval"][0]
            if not low > 0:
                logger.warning(
                    "validation loses nothing clear without %s (score %.4f, without %.4f, 95 %% interval of the loss "
                    "%s): the network makes no use of it.",
                    part, whole["score"], whole["score"] - found["loss"], found["interval"],
                )  # fmt: skip
        return {**whole, "cases": max((len(values) for _, values in cases.values()), default=None), "parts": parts}

    def _run(self, evaluator: MultiTaskEvaluator) -> tuple[dict[str, float], dict[str, Any]]:
        """One validation: its metrics, and by task what they keep of each case, where all tasks' are known."""
        evaluator.run()
        metrics = {"score": float(evaluator.state.metrics[evaluator.state.key_metric_name])}
        metrics |= {name: float(value) for name, value in evaluator.state.metrics.items() if name not in metrics}
        rows = {
            task: case_rows(metric.metric_fn, len(self._cases())) for task, metric in evaluator.task_metrics.items()
        }
        unknown = [task for task, found in rows.items() if found is None]
        if unknown:
            logger.warning("no intervals: case_rows knows nothing of the metric of %s.", ", ".join(unknown))
        return metrics, {} if unknown else {task: found for task, found in rows.items() if found is not None}

    def _cases(self) -> Any:
        """The validation cases as the data list has them."""
        loader: Any = self.validator.data_loader
        return loader.dataset.data
