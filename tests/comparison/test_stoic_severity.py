# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Severity of COVID-19 is learned, chosen by and compared among the same patients."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from support import REPOSITORY

from ctan_monai.losses import ClassificationLoss
from ctan_monai.metrics import AUROCHandler, comparison_metrics, metric_value
from ctan_monai.reports.classification.report import ClassificationReport

# covid, severe, probability of severe: in the right order among the positive; a negative has the highest of all
PATIENTS = [(1, 1, 0.6), (1, 0, 0.4), (0, 0, 0.9)]


def test_a_negative_patient_counts_in_neither_loss_nor_score_nor_comparison(tmp_path: Path) -> None:
    config = json.loads((REPOSITORY / "bundles" / "stoic" / "configs" / "train.json").read_text())
    validation = AUROCHandler("severity", save_details=False)
    report = ClassificationReport(tmp_path, "", config["class_names"], config["measures"], {}, bootstrap=0)
    for number, (covid, severe, probability) in enumerate(PATIENTS):
        item = {"pred_severity": torch.tensor([probability]), "label_severity": severe, "label_severity_present": covid}
        validation.update(validation._rows([item]))
        report.add_case(str(number), {"covid": covid, "severity": severe}, {"severity": [probability]})
    metric = comparison_metrics("stoic")["severity"]
    assert float(validation.compute()) == 1
    assert metric_value(report.summary(), metric) == 100
    assert metric_value(report.summary(), metric, metric.also["AUROC, all patients (%)"]) == pytest.approx(50)

    covid, severe, probability = (torch.tensor(column) for column in zip(*PATIENTS, strict=True))
    loss, logits = ClassificationLoss(), torch.logit(probability)[:, None]
    assert loss(logits, severe, covid) == pytest.approx(-float(torch.tensor(0.6).log()))  # of 0.6 and of 1 - 0.4
