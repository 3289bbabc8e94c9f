# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch

from ctan_monai.metrics import (
    BalancedAccuracyHandler,
    diagnosis_metrics,
    diagnosis_summary,
    lesion_mask_metrics,
    summarize_lesions,
)

CLASSES = ("a", "b", "c")


def masks(true: int, predicted: int, common: int) -> tuple[np.ndarray, np.ndarray]:
    reference, prediction = np.zeros((2, 4, 10), bool)
    reference.ravel()[:true] = True
    prediction.ravel()[true - common : true - common + predicted] = True
    return reference, prediction


def test_dice_and_jaccard() -> None:
    # 10 and 15 pixels, 5 common: Dice 10 / 25, Jaccard 5 / 20
    row = lesion_mask_metrics(*masks(10, 15, 5))
    assert row == pytest.approx({"dice": 40.0, "jaccard": 25.0})


@pytest.mark.parametrize(
    ("sizes", "value"), [((10, 10, 10), 100.0), ((10, 10, 0), 0.0), ((10, 0, 0), 0.0), ((0, 10, 0), None)]
)
def test_full_and_no_overlap(sizes: tuple[int, int, int], value: float | None) -> None:
    assert lesion_mask_metrics(*masks(*sizes)) == {"dice": value, "jaccard": value}


def test_masks_of_different_sizes() -> None:
    with pytest.raises(ValueError, match="prediction has shape"):
        lesion_mask_metrics(np.ones((2, 2), bool), np.ones((2, 3), bool))


def test_diagnosis_of_an_image() -> None:
    row = diagnosis_metrics(2, [0.5, 0.25, 0.25], CLASSES)
    assert row == {"diagnosis": "c", "predicted": "a", "correct": 0, "p_a": 0.5, "p_b": 0.25, "p_c": 0.25}
    with pytest.raises(ValueError, match=r"2 probabilities for 3 classes \(a, b, c\)"):
        diagnosis_metrics(0, [0.5, 0.5], CLASSES)


def rows() -> list[dict]:
    """Four images of a (three right), two of b (one right), none of c."""
    values = [
        (0, [0.9, 0.1, 0.0]),
        (0, [0.8, 0.2, 0.0]),
        (0, [0.6, 0.4, 0.0]),
        (0, [0.3, 0.7, 0.0]),
        (1, [0.4, 0.6, 0.0]),
        (1, [0.7, 0.3, 0.0]),
    ]
    return [diagnosis_metrics(true, probabilities, CLASSES) for true, probabilities in values]


def test_summary_of_diagnoses() -> None:
    summary = diagnosis_summary(rows(), CLASSES)
    assert summary["confusion"] == [[3, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert summary["images"] == {"a": 4, "b": 2, "c": 0}
    assert summary["accuracy"] == pytest.approx(400 / 6)
    assert summary["recall"] == {"a": 75.0, "b": 50.0, "c": None}
    assert summary["balanced_accuracy"] == 62.5
    # p_a: 0.9, 0.8, 0.6, 0.3 of a against 0.4, 0.7 of b: 2 + 2 + 1 + 0 of 8 pairs are in order
    assert summary["auroc"] == {"a": pytest.approx(62.5), "b": pytest.approx(62.5), "c": None}
    assert summary["macro_auroc"] == pytest.approx(62.5)


def test_one_class_alone_has_no_auroc() -> None:
    summary = diagnosis_summary(rows()[:2], CLASSES)
    assert summary["auroc"] == {"a": None, "b": None, "c": None}
    assert summary["macro_auroc"] is None
    assert summary["balanced_accuracy"] == 100.0


def test_summary_of_both_tasks_and_of_one() -> None:
    overlaps = [lesion_mask_metrics(*masks(*sizes)) for sizes in ((10, 15, 5), (10, 10, 10), (10, 0, 0))]
    summary = summarize_lesions([a | b for a, b in zip(overlaps, rows(), strict=False)], CLASSES)
    assert (summary["images"], summary["missed"]) == (3, 1)
    assert summary["metrics"]["dice"] == pytest.approx({"mean": 140 / 3, "std": 50.33223, "n": 3})
    assert summary["diagnosis"]["accuracy"] == 100.0
    assert summarize_lesions(overlaps, CLASSES)["diagnosis"] is None
    assert summarize_lesions(rows(), CLASSES)["metrics"] == {}
    with pytest.raises(ValueError, match="no image to summarize"):
        summarize_lesions([], CLASSES)


def test_balanced_accuracy_handler_over_batches() -> None:
    handler = BalancedAccuracyHandler(save_details=False)
    handler.reset()
    # class 0: two of three right; class 1: one of one; class 2 is predicted, but does not occur; -1 has no label
    handler.update((torch.eye(3)[[0, 0]], torch.tensor([0, 0])))
    handler.update((torch.eye(3)[[2, 1, 1]], torch.tensor([[0], [1], [-1]])))
    assert handler.compute() == pytest.approx((2 / 3 + 1) / 2)


def test_balanced_accuracy_without_labels_or_with_too_few() -> None:
    handler = BalancedAccuracyHandler(save_details=False)
    with pytest.raises(ValueError, match="seen no image yet"):
        handler.compute()
    with pytest.raises(ValueError, match="2 predictions need as many labels"):
        handler.update((torch.eye(2), torch.tensor([0])))
    handler.update((torch.eye(2), torch.tensor([-1, -1])))
    assert np.isnan(handler.compute())
