# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats


def paired_difference(
    method: Sequence[Mapping[str, float]], baseline: Sequence[Mapping[str, float]], seed: int = 0
) -> dict[str, Any] | None:
    """Mean difference of a metric between two methods on the same cases, with a bootstrap 95 % interval over cases.

    A case's value is first averaged over the seeds of a method, so that the interval says what would change with other
    patients, not with other seeds. SciPy's percentile bootstrap, 9,999 resamples.

    Args:
        method: {case: value} of each of the method's runs.
        baseline: the same of the baseline.
        seed: of the resampling.

    Returns:
        ``mean``, ``low``, ``high`` in the metric's unit, ``cases`` that both have, and ``higher``, those in which the
        method's value is the higher one; None if fewer than two cases are shared.
    """
    own, base = _mean(method), _mean(baseline)
    shared = sorted(own.keys() & base.keys())
    if len(shared) < 2:
        return None
    differences = np.array([own[case] - base[case] for case in shared])
    mean = float(differences.mean())
    low = high = mean
    if np.ptp(differences) > 0:  # SciPy has no interval for a constant
        interval = stats.bootstrap(
            (differences,), np.mean, method="percentile", rng=np.random.default_rng(seed), vectorized=True
        ).confidence_interval
        low, high = float(interval.low), float(interval.high)
    return {"mean": mean, "low": low, "high": high, "cases": len(shared), "higher": int((differences > 0).sum())}


def _mean(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    cases: dict[str, list[float]] = {}
    for run in runs:
        for case, value in run.items():
            if value is not None and np.isfinite(value):
                cases.setdefault(case, []).append(float(value))
    return {case: float(np.mean(values)) for case, values in cases.items() if len(values) == len(runs)}
