# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""One score for the choice of the best checkpoint."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ignite.metrics import Metric, MetricsLambda

__all__ = ["mean_score"]


def mean_score(
    metrics: Mapping[str, Metric], tasks: Sequence[str] | None = None, skip_undefined: bool = False
) -> Metric:
    """Mean of the tasks' higher-is-better metrics, itself a metric: the `key_val_metric` of a MONAI evaluator.

    The same score serves single-task and multi-task models, so all are chosen alike. The metrics are attached with it
    and may be given as `additional_metrics` too, to be logged by themselves. Otherwise they need
    `save_details=False`, for MONAI's handlers store details under a name that only attaching by name gives.

    Args:
        metrics: by task, each a fraction where higher is better, for instance Dice and
            :class:`ctan_monai.metrics.DoseScoreHandler`.
        tasks: the tasks the network has; all of `metrics` if None. A single-task run leaves the others out.
        skip_undefined: leave a task whose value is NaN out of the mean, instead of raising; for metrics that some
            validation sets cannot give, such as AUROC where a class does not occur.

    Returns:
        An Ignite metric. Computing it raises a ValueError where a task's value is NaN, that is, where no validation
        patient has a label for it; with `skip_undefined`, only where all are.

    Raises:
        ValueError: if a task has no metric, or there is no task.
    """
    names = list(metrics) if tasks is None else list(tasks)
    unknown = [task for task in names if task not in metrics]
    if unknown or not names:
        raise ValueError(f"No score for the tasks {unknown or names}; there are metrics for {sorted(metrics)}.")

    def mean(*values: float) -> float:
        undefined = [task for task, value in zip(names, values, strict=True) if math.isnan(value)]
        if undefined and (not skip_undefined or len(undefined) == len(names)):
            reason = "the validation cases are all of one class" if skip_undefined else "no validation case has a label"
            raise ValueError(f"Task '{undefined[0]}' has no score: {reason} for it. Check the data.")
        return sum(value for value in values if not math.isnan(value)) / (len(names) - len(undefined))

    return MetricsLambda(mean, *(metrics[task] for task in names))
