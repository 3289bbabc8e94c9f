# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import statistics
import time

from ctan_monai.bundle import TrainingSetting

from .plan import Run
from .runner import Runner

_STEPS = 4


def estimate_seconds(runner: Runner, run: Run) -> float:
    """How long a run's training will take on this machine, from a few steps and one validation case.

    Args:
        runner: whose configs and values are used.
        run: to estimate.

    Returns:
        seconds for all epochs, validation by the network included.
    """
    values = {**runner.values, **run.values, "num_workers": 0}
    setting = TrainingSetting(runner.configs.parent, runner.overrides, values)
    times = []
    for batch, _ in zip(setting.loader, range(_STEPS + 1), strict=False):
        start = time.perf_counter()
        setting.step(batch)
        times.append(time.perf_counter() - start)
    case = next(iter(setting["validate::dataloader"]))
    start = time.perf_counter()
    setting.infer(case)
    validation = (time.perf_counter() - start) * len(setting["validate::dataloader"])
    step = statistics.median(times[1:] or times)  # the first step allocates
    return float((step * len(setting.loader) + validation / setting["val_interval"]) * setting["max_epochs"])
