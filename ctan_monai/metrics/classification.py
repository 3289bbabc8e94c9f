# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Metrics of an image-level task, over cases: one label and one vector of probabilities a case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = [
    "auroc",
    "bootstrap_auroc",
    "calibration_points",
    "classification_metrics",
    "resampled_auroc",
    "roc_points",
]

LEVEL = 95.0  # % of the bootstrap interval
CASES_A_BIN = 10  # of the calibration curve
MOST_BINS = 10


def classification_metrics(
    labels: Sequence[int] | np.ndarray,
    probabilities: Sequence[Any] | np.ndarray,
    classes: Sequence[str],
    bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """All figures of one task; what needs a class that no case has is None.

    Args:
        labels: (N,) classes, from 0.
        probabilities: (N, C), or (N,) of class 1 where there are two classes.
        classes: names of the C classes.
        bootstrap: resamples of the interval; 0 gives none.
        seed: of the resampling.

    Returns:
        "n"; "counts" by class; "auroc" with "low" and "high" of its 95 % bootstrap interval (more than two classes:
        the mean over the classes that occur, each against the rest, and "auroc_per_class"); "accuracy",
        "balanced_accuracy" (mean recall of the classes that occur), "recall" by class, "confusion_matrix" (rows: label,
        columns: the most probable class); with two classes "brier", the mean squared error of the probability.

    Raises:
        ValueError: shapes or labels that do not fit the classes, or a probability that is not a finite number.
    """
    from sklearn.metrics import accuracy_score, brier_score_loss, confusion_matrix

    truth, scores = _checked(labels, probabilities, classes)
    predicted = scores.argmax(axis=1)
    every = range(len(classes))
    matrix = confusion_matrix(truth, predicted, labels=every) if len(truth) else np.zeros((len(classes),) * 2)
    counts = matrix.sum(axis=1)
    recall = [matrix[c, c] / counts[c] if counts[c] else None for c in every]
    found = [value for value in recall if value is not None]
    result: dict[str, Any] = {
        "n": len(truth),
        "counts": {name: int(count) for name, count in zip(classes, counts, strict=True)},
        "auroc": None,
        "low": None,
        "high": None,
        "accuracy": float(accuracy_score(truth, predicted)) if len(truth) else None,
        "balanced_accuracy": float(np.mean(found)) if found else None,
        "recall": {name: None if v is None else float(v) for name, v in zip(classes, recall, strict=True)},
        "confusion_matrix": matrix.astype(int).tolist(),
    }
    if len(classes) == 2:
        result["auroc"] = auroc(truth == 1, scores[:, 1])
        result["brier"] = float(brier_score_loss(truth == 1, scores[:, 1])) if len(truth) else None
        curves = [(truth == 1, scores[:, 1])]
    else:
        curves = [(truth == c, scores[:, c]) for c in every]
        values = [auroc(positive, score) for positive, score in curves]
        result["auroc_per_class"] = dict(zip(classes, values, strict=True))
        found = [value for value in values if value is not None]
        result["auroc"] = float(np.mean(found)) if found else None
    if result["auroc"] is not None and bootstrap:
        result["low"], result["high"] = bootstrap_auroc(curves, bootstrap, seed)
    return result


def auroc(positive: np.ndarray, scores: np.ndarray) -> float | None:
    """Area under the ROC curve; None where all cases are of one class, or there is none.

    Args:
        positive: (N,) bool.
        scores: (N,), higher for positive.
    """
    from sklearn.metrics import roc_auc_score

    positive = np.asarray(positive, bool)
    if positive.all() or not positive.any():
        return None
    return float(roc_auc_score(positive, scores))


def bootstrap_auroc(
    curves: Sequence[tuple[np.ndarray, np.ndarray]], resamples: int, seed: int = 0
) -> tuple[float | None, float | None]:
    """The 95 % percentile interval of the AUROC (the mean over several curves) over resampled cases.

    Cases are drawn with replacement. A resample in which a curve has one class only has no AUROC there and leaves it
    out.

    Args:
        curves: (positive, scores) of the same cases.
        resamples: how many.
        seed: of the drawing.

    Returns:
        low and high; None where no resample has an AUROC.
    """
    cases = len(curves[0][0])
    drawn = np.random.default_rng(seed).multinomial(cases, np.full(cases, 1 / cases), resamples).astype(np.float32)
    values = [resampled_auroc(np.asarray(p, bool), np.asarray(scores, float), drawn) for p, scores in curves]
    table = np.array(values)
    usable = ~np.isnan(table).all(axis=0)
    if not usable.any():
        return None, None
    means = np.nanmean(table[:, usable], axis=0)
    low, high = np.percentile(means, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return float(low), float(high)


def resampled_auroc(positive: np.ndarray, scores: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """AUROC in resamples of the cases; NaN in those that have one class only.

    AUROC is the share of pairs (positive, negative) in the right order, so all resamples are one matrix product of how
    often each case was drawn with the matrix of pairs.

    Args:
        positive: (N,) bool.
        scores: (N,), higher for positive.
        drawn: (R, N) float32, how often each case is in each resample.

    Returns:
        (R,).
    """
    higher, lower = drawn[:, positive], drawn[:, ~positive]
    pairs = scores[positive][:, None] - scores[~positive][None]
    right = np.where(pairs > 0, 1.0, np.where(pairs == 0, 0.5, 0.0)).astype(np.float32)
    total = higher.sum(axis=1, dtype=float) * lower.sum(axis=1, dtype=float)
    sums = np.einsum("rn,rn->r", higher @ right, lower, dtype=float)
    return np.asarray(np.divide(sums, total, out=np.full(len(drawn), np.nan), where=total > 0))


def roc_points(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """False and true positive rates of all thresholds; None where all cases are of one class."""
    from sklearn.metrics import roc_curve

    if auroc(positive, scores) is None:
        return None
    false_rate, true_rate, _ = roc_curve(np.asarray(positive, bool), scores)
    return false_rate, true_rate


def calibration_points(positive: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Mean probability and share of positives in bins of about as many cases each; None where there is no case.

    At most ten bins, of at least ten cases where there are twenty or more.
    """
    from sklearn.calibration import calibration_curve

    positive = np.asarray(positive, bool)
    if not len(positive):
        return None
    bins = min(max(len(positive) // CASES_A_BIN, 1), MOST_BINS)
    share, mean = calibration_curve(positive, probabilities, n_bins=bins, strategy="quantile", pos_label=True)
    return mean, share


def _checked(labels: Any, probabilities: Any, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    truth = np.asarray(labels, int).reshape(-1)
    scores = np.asarray(probabilities, float)
    if len(classes) == 2 and scores.size == len(truth):  # of class 1 alone
        positive = scores.reshape(-1)
        scores = np.stack([1 - positive, positive], axis=1)
    elif not len(truth):
        scores = scores.reshape(0, len(classes))
    if scores.shape != (len(truth), len(classes)):
        raise ValueError(
            f"{len(truth)} labels and probabilities of shape {scores.shape} do not fit the {len(classes)} classes "
            f"{', '.join(classes)}."
        )
    if not np.isfinite(scores).all():
        raise ValueError("a probability is NaN or infinite: did the training diverge? Lower its learning rate.")
    if len(truth) and (truth.min() < 0 or truth.max() >= len(classes)):
        raise ValueError(f"labels go from {truth.min()} to {truth.max()}, expected 0 to {len(classes) - 1}.")
    return truth, scores
