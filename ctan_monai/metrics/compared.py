# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""By which metric the methods are compared on each data set, task by task, and what is stated beside it."""

from __future__ import annotations

from ctan_monai.utils.errors import DataError

from .task_metric import TaskMetric

__all__ = ["comparison_metrics"]

_DOSE = {"MAE in the body (Gy)": "mae_body", "MAE, whole volume (Gy)": "mae_whole_volume"}
_METRICS = {
    "openkbp": {
        "segmentation": TaskMetric(
            "dice",
            "Dice (%)",
            higher_is_better=True,
            also={
                "Dice brainstem (%)": "dice_brainstem",
                "Dice spinal cord (%)": "dice_spinal_cord",
                "Dice right parotid (%)": "dice_right_parotid",
                "Dice left parotid (%)": "dice_left_parotid",
            },
        ),
        "dose": TaskMetric(
            "mae_body_slices",
            "dose MAE (Gy)",
            higher_is_better=False,
            digits=3,
            also={
                "dose score (Gy)": "dose_score",
                "dose score within the mask (Gy)": "mae_possible_dose_mask",
                "DVH score (Gy)": "dvh_score",
                **_DOSE,
            },
        ),
    },
    "prostate": {
        "segmentation": TaskMetric(
            "dice",
            "Dice (%)",
            higher_is_better=True,
            also={
                "Dice rectum (%)": "dice_rectum",
                "Dice bladder (%)": "dice_bladder",
                "Dice left femur (%)": "dice_left_femur",
                "Dice right femur (%)": "dice_right_femur",
                "Dice CTV (%)": "dice_ctv",
            },
        ),
        "dose": TaskMetric("mae_body_slices", "dose MAE (Gy)", higher_is_better=False, also=_DOSE, digits=3),
    },
    "ham10000": {
        "segmentation": TaskMetric("dice", "Dice (%)", higher_is_better=True, also={"Jaccard (%)": "jaccard"}),
        "diagnosis": TaskMetric(
            "diagnosis::balanced_accuracy",
            "balanced accuracy (%)",
            higher_is_better=True,
            case_metric="correct",
            case_class="diagnosis",
            case_scale=100.0,
            also={"accuracy (%)": "diagnosis::accuracy", "macro AUROC (%)": "diagnosis::macro_auroc"},
        ),
    },
    "stoic": {
        "covid": TaskMetric(
            "auroc_covid",
            "AUROC (%)",
            higher_is_better=True,
            scale=100.0,
            also={"balanced accuracy (%)": "balanced_accuracy_covid"},
        ),
        "severity": TaskMetric(
            "auroc_severity_among_covid",  # the patients whose severity is learned and chosen by
            "AUROC among COVID-19 (%)",
            higher_is_better=True,
            scale=100.0,
            also={
                "balanced accuracy among COVID-19 (%)": "balanced_accuracy_severity_among_covid",
                "AUROC, all patients (%)": "auroc_severity",
            },
        ),
    },
}


def comparison_metrics(bundle: str) -> dict[str, TaskMetric]:
    """Task to the metric by which the methods are compared, in the order of the table's columns.

    Args:
        bundle: its name, such as "openkbp".

    Raises:
        DataError: no metrics are known for it.
    """
    if bundle not in _METRICS:
        raise DataError(f"no metrics to compare methods on '{bundle}': there are some for {', '.join(_METRICS)}.")
    return dict(_METRICS[bundle])
