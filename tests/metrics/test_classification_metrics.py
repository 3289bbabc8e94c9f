# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from scipy.integrate import trapezoid  # that of numpy came with 2.0
from sklearn.metrics import roc_auc_score

from ctan_monai.metrics import AUROC, AUROCHandler, auroc, calibration_points, classification_metrics, roc_points
from ctan_monai.metrics.classification import bootstrap_auroc

LABELS = np.array([0, 0, 1, 1, 1])
SCORES = np.array([0.1, 0.6, 0.4, 0.6, 0.9])
# pairs (positive, negative): 0.4 > 0.1, 0.4 < 0.6; 0.6 > 0.1, 0.6 = 0.6; 0.9 > both: (1 + 0 + 1 + 0.5 + 2) / 6
AREA = 4.5 / 6


def test_binary_figures_by_hand() -> None:
    found = classification_metrics(LABELS, SCORES, ["negative", "positive"], bootstrap=0)
    assert found["auroc"] == pytest.approx(AREA)
    assert (found["n"], found["counts"]) == (5, {"negative": 2, "positive": 3})
    assert found["confusion_matrix"] == [[1, 1], [1, 2]]  # 0.6 of a negative and 0.4 of a positive are wrong
    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["recall"] == pytest.approx({"negative": 1 / 2, "positive": 2 / 3})
    assert found["balanced_accuracy"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found["brier"] == pytest.approx((0.01 + 0.36 + 0.36 + 0.16 + 0.01) / 5)
    assert found["low"] is None


def test_three_classes_by_hand() -> None:
    scores = [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]
    found = classification_metrics([0, 1, 1, 2], scores, ["a", "b", "c"], bootstrap=50)
    # a: 0.8 over 0.2, 0.5, 0.1; b: 0.5 and 0.3 over 0.1 and 0.2; c: 0.7 over all
    assert found["auroc_per_class"] == {"a": 1.0, "b": 1.0, "c": 1.0}
    assert found["auroc"] == 1.0 and (found["low"], found["high"]) == (1.0, 1.0)
    assert found["confusion_matrix"] == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]
    assert found["balanced_accuracy"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert "brier" not in found


def test_an_absent_class_gives_nothing() -> None:
    found = classification_metrics([1, 1], [0.2, 0.9], ["negative", "positive"])
    assert (found["auroc"], found["low"], found["recall"]) == (None, None, {"negative": None, "positive": 0.5})
    assert found["balanced_accuracy"] == 0.5
    three = classification_metrics([0, 1, 1], np.eye(3)[[0, 1, 1]], ["a", "b", "c"], bootstrap=20)
    assert three["auroc_per_class"] == {"a": 1.0, "b": 1.0, "c": None} and three["auroc"] == 1.0
    none = classification_metrics([], np.zeros((0, 1)), ["negative", "positive"])
    assert (none["n"], none["auroc"], none["accuracy"]) == (0, None, None)
    assert roc_points(np.array([True]), np.array([0.5])) is None
    assert calibration_points(np.array([], bool), np.array([])) is None


def test_the_bootstrap_is_that_of_resampled_cases() -> None:
    """The matrix product against scikit-learn on each resample."""
    rng = np.random.default_rng(3)
    positive = rng.random(40) < 0.4
    scores = np.round(rng.random(40) + 0.4 * positive, 1)  # with ties
    low, high = bootstrap_auroc([(positive, scores)], 200, seed=5)
    drawn = np.random.default_rng(5).multinomial(40, np.full(40, 1 / 40), 200)
    values = [roc_auc_score(np.repeat(positive, d), np.repeat(scores, d)) for d in drawn]
    assert (low, high) == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])), abs=1e-6)
    assert low < auroc(positive, scores) < high


def test_curves_by_hand() -> None:
    false_rate, true_rate = roc_points(LABELS == 1, SCORES)
    assert list(zip(false_rate, true_rate, strict=True))[-1] == (1.0, 1.0)
    assert trapezoid(true_rate, false_rate) == pytest.approx(AREA)
    probabilities = np.repeat([0.2, 0.8], 10)  # two bins of ten
    mean, share = calibration_points(np.arange(20) % 4 == 0, probabilities)
    assert mean == pytest.approx([0.2, 0.8])
    assert share == pytest.approx([3 / 10, 2 / 10])  # of 0, 4, 8 and of 12, 16


@pytest.mark.parametrize(
    "labels, scores, text",
    [([0, 1], [0.5, math.nan], "NaN"), ([0, 2], [0.5, 0.5], "from 0 to 2"), ([0, 1], np.zeros((2, 3)), "do not fit")],
)
def test_bad_values(labels: list[int], scores: object, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        classification_metrics(labels, scores, ["a", "b"])


def test_validation_leaves_out_cases_without_a_label() -> None:
    metric = AUROC()
    metric([torch.tensor([0.9]), torch.tensor([0.2])], [torch.tensor([1.0]), torch.tensor([0.0])])
    metric(torch.tensor([[0.1]]), torch.tensor([[math.nan]]))
    assert metric.aggregate().item() == 1.0
    one_class = AUROC()
    one_class(torch.tensor([[0.1]]), torch.tensor([[1.0]]))
    assert math.isnan(one_class.aggregate())


def test_the_handler_reads_outputs_by_task() -> None:
    handler = AUROCHandler("severity", save_details=False)
    batches = [
        [
            {
                "pred_severity": torch.tensor([s]),
                "label_severity": torch.tensor(y),
                "label_severity_present": torch.tensor(p),
            }
            for s, y, p in zip(SCORES, LABELS, [1, 1, 1, 1, 1], strict=True)
        ],
        [
            {
                "pred_severity": torch.tensor([0.99]),
                "label_severity": torch.tensor(0),
                "label_severity_present": torch.tensor(0),
            }
        ],
    ]
    engine = Engine(lambda engine, batch: batch)
    handler.attach(engine, "auroc")
    engine.run(batches)
    assert engine.state.metrics["auroc"] == pytest.approx(AREA)
