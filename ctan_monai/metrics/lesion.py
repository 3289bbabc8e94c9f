# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Metrics of images with a lesion's mask and a diagnosis: one flat row an image, and their summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .checks import check_same_shape
from .classification import classification_metrics
from .segmentation import organ_dice

__all__ = ["diagnosis_metrics", "diagnosis_summary", "lesion_mask_metrics", "summarize_lesions"]

Row = dict[str, Any]


def lesion_mask_metrics(reference: np.ndarray, prediction: np.ndarray) -> Row:
    """Overlap of two masks of one image, on the reference's grid.

    Args:
        reference: bool (H, W).
        prediction: bool (H, W).

    Returns:
        ``dice`` and ``jaccard`` in %, 0 for a missed lesion, None where the reference is empty. The two say the same:
        J = D / (2 - D) as fractions.
    """
    check_same_shape(reference, "reference mask", prediction=prediction)
    dice = organ_dice(reference, prediction)
    return {"dice": dice, "jaccard": None if dice is None else 100 * dice / (200 - dice)}


def diagnosis_metrics(reference: int, probabilities: Sequence[float], classes: Sequence[str]) -> Row:
    """The diagnosis of one image.

    Args:
        reference: index of the true class.
        probabilities: (C,).
        classes: their names.

    Returns:
        ``diagnosis`` (true) and ``predicted``, names; ``correct``, 1 or 0; ``p_<class>``, each probability.

    Raises:
        ValueError: not as many probabilities as classes.
    """
    values = [float(p) for p in probabilities]
    if len(values) != len(classes):
        raise ValueError(f"There are {len(values)} probabilities for {len(classes)} classes ({', '.join(classes)}).")
    predicted = int(np.argmax(values))
    row: Row = {
        "diagnosis": classes[reference],
        "predicted": classes[predicted],
        "correct": int(predicted == reference),
    }
    return row | {f"p_{name}": value for name, value in zip(classes, values, strict=True)}


def summarize_lesions(rows: Sequence[Row], classes: Sequence[str]) -> dict[str, Any]:
    """Summary of images' rows.

    Args:
        rows: of :func:`lesion_mask_metrics` and :func:`diagnosis_metrics` together, or of one of them; one an image.
        classes: names of the diagnoses.

    Returns:
        ``images``, their number; ``metrics``: ``dice`` and ``jaccard`` with ``mean``, ``std`` (between images) and
        ``n``; ``missed``, the number of images without any predicted lesion pixel in the reference; ``diagnosis``, see
        :func:`diagnosis_summary` (None without that task).

    Raises:
        ValueError: if there is no row.
    """
    if not rows:
        raise ValueError("There is no image to summarize; check the data list's section.")
    metrics = {}
    for name in ("dice", "jaccard"):
        values = [row[name] for row in rows if row.get(name) is not None]
        if values:
            std = float(np.std(values, ddof=1)) if len(values) > 1 else None
            metrics[name] = {"mean": float(np.mean(values)), "std": std, "n": len(values)}
    diagnosed = [row for row in rows if "predicted" in row]
    return {
        "images": len(rows),
        "metrics": metrics,
        "missed": sum(row.get("dice") == 0 for row in rows),
        "diagnosis": diagnosis_summary(diagnosed, classes) if diagnosed else None,
    }


def diagnosis_summary(rows: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> dict[str, Any]:
    """Figures of a classification, all but counts in %.

    Args:
        rows: of :func:`diagnosis_metrics`.
        classes: names of the diagnoses.

    Returns:
        ``accuracy``; ``balanced_accuracy``, the mean recall over the classes that occur (the ISIC 2018 challenge's
        metric); ``macro_auroc``, the mean over the classes of the AUROC of one against the rest; by class ``recall``,
        ``auroc`` (None for a class that no image, or every image, has) and ``images``; ``confusion``, counts, one row a
        true class, one column a predicted one, in the order of ``classes``.
    """
    true = [classes.index(row["diagnosis"]) for row in rows]
    probabilities = [[row[f"p_{name}"] for name in classes] for row in rows]
    figures = classification_metrics(true, probabilities, classes, bootstrap=0)
    return {
        "accuracy": _percent(figures["accuracy"]),
        "balanced_accuracy": _percent(figures["balanced_accuracy"]),
        "macro_auroc": _percent(figures["auroc"]),
        "recall": {name: _percent(value) for name, value in figures["recall"].items()},
        "auroc": {name: _percent(value) for name, value in figures["auroc_per_class"].items()},
        "images": figures["counts"],
        "confusion": figures["confusion_matrix"],
    }


def _percent(value: float | None) -> float | None:
    return None if value is None else 100 * value
