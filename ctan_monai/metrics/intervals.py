# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""How sure it is that one network's validation score differs from another's on the same cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from monai.metrics import DiceMetric
from scipy import stats

from .auroc_metric import AUROC
from .balanced_accuracy import BalancedAccuracy
from .classification import resampled_auroc
from .dose_validation import DoseScore

__all__ = ["case_rows", "paired_interval", "resampled_metric"]

CONFIDENCE = 0.95
RESAMPLES = 1000

Rows = tuple[str, np.ndarray]  # "mean", "balanced_accuracy" or "auroc", and what the metric keeps of each case


def case_rows(metric: Any, cases: int | None = None) -> Rows | None:
    """What a metric's buffer holds of each case, and how the metric is made of it; None for a metric of another kind.

    Args:
        metric: MONAI's ``DiceMetric``, :py:class:`DoseScore`, :py:class:`BalancedAccuracy` or :py:class:`AUROC`.
        cases: number of cases; where several processes each validate all of them, the buffer holds them several times.
    """
    kinds = {"mean": DiceMetric | DoseScore, "balanced_accuracy": BalancedAccuracy, "auroc": AUROC}
    kind = next((kind for kind, classes in kinds.items() if isinstance(metric, classes)), None)
    if kind is None:
        return None
    buffer = metric.get_buffer()[:cases].double().cpu().numpy()
    return kind, _mean_known(buffer.reshape(len(buffer), -1)) if kind == "mean" else buffer


def paired_interval(
    whole: Mapping[str, Rows], without: Mapping[str, Rows], units: Sequence[str] | None = None, seed: int = 0
) -> list[float] | None:
    """95 % interval of the difference of two scores, each the mean over tasks of a metric, on the same cases.

    Where all metrics are means over cases (Dice, dose score), each case has a difference, and the interval is Student's
    t of their mean: on a dozen patients a percentile bootstrap covers 83 to 92 % only. Balanced accuracy and AUROC have
    no value for a single case: what a case adds depends on how many others are of its class, or on how they rank. There
    the cases are resampled 1000 times, the same for both scores, which are computed anew from each resample (percentile
    bootstrap). Such validation sets have hundreds of cases.

    Args:
        whole: task to what its metric keeps, see :py:func:`case_rows`.
        without: the same of the other score.
        units: of each case, the independent unit it belongs to, such as the lesion that a picture shows; by default
            each case is one.
        seed: of the resampling.

    Returns:
        low and high; None with fewer than two units, or without tasks.
    """
    cases = {len(values) for rows in (whole, without) for _, values in rows.values()}
    if not whole or whole.keys() != without.keys() or len(cases) != 1:
        return None
    number = cases.pop()
    names, index = np.unique(np.arange(number) if units is None else np.asarray(units), return_inverse=True)
    if all(kind == "mean" for kind, _ in whole.values()):
        pairs = [whole[task][1] - without[task][1] for task in whole]
        return _t_interval(np.mean(pairs, axis=0), index)
    if len(names) < 2:
        return None
    counts = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
    drawn = counts.astype(np.float32)[:, index]
    tasks = [resampled_metric(*whole[task], drawn) - resampled_metric(*without[task], drawn) for task in whole]
    scores = _mean_known(np.stack(tasks, axis=1))
    if not np.isfinite(scores).any():
        return None
    return [float(x) for x in np.nanpercentile(scores, [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)])]


def resampled_metric(kind: str, rows: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """A metric in resamples of its cases; NaN in those that it cannot be computed from.

    Args:
        kind: see :py:func:`case_rows`.
        rows: (N, ...), what the metric keeps of each case.
        drawn: (R, N), how often each case is in each resample.

    Returns:
        (R,).
    """
    if kind == "auroc":
        known = ~np.isnan(rows[:, 1])
        return resampled_auroc(rows[known, 1] > 0.5, rows[known, 0], drawn[:, known])
    if kind == "mean":
        return _share(rows, np.isfinite(rows), drawn)
    predicted, true = rows.T
    recalls = [_share(predicted == c, true == c, drawn) for c in np.unique(true[true >= 0])]
    return _mean_known(np.stack(recalls, axis=1)) if recalls else np.full(len(drawn), np.nan)


def _share(values: np.ndarray, where: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Mean of the values in each resample, over the cases that count."""
    total = drawn[:, where].sum(axis=1, dtype=float)
    sums = drawn[:, where] @ values[where].astype(float)
    return np.asarray(np.divide(sums, total, out=np.full(len(drawn), np.nan), where=total > 0))


def _mean_known(values: np.ndarray) -> np.ndarray:
    """Mean over the second axis of what is there; NaN where nothing is."""
    counts = np.isfinite(values).sum(axis=1)
    return np.where(counts > 0, np.nansum(values, axis=1) / np.maximum(counts, 1), np.nan)


def _t_interval(differences: np.ndarray, index: np.ndarray) -> list[float] | None:
    known = np.isfinite(differences)
    _, index = np.unique(index[known], return_inverse=True)
    if not len(index) or index.max() < 1:
        return None
    # one value a unit, whose mean is that over the cases
    units = np.bincount(index, differences[known]) * (index.max() + 1) / len(index)
    if not units.std() > 0:
        return [float(units[0])] * 2
    low, high = stats.t.interval(CONFIDENCE, len(units) - 1, units.mean(), stats.sem(units))
    return [float(low), float(high)]
