# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Metrics of one case, for reports (``*_metrics``, ``organ_dice``, ``dvh``), and Ignite handlers of a validation."""

from .auroc_metric import AUROC, AUROCHandler
from .balanced_accuracy import BalancedAccuracy, BalancedAccuracyHandler
from .classification import auroc, calibration_points, classification_metrics, roc_points
from .compared import comparison_metrics
from .dose_error import VOXEL_SETS, dose_mae, dose_mae_sets
from .dose_validation import DoseScore, DoseScoreHandler
from .dvh_curve import dvh
from .intervals import case_rows, paired_interval
from .lesion import diagnosis_metrics, diagnosis_summary, lesion_mask_metrics, summarize_lesions
from .openkbp import DVH_METRICS, dose_score, dvh_metrics, dvh_score
from .radiotherapy import RadiotherapyReference, radiotherapy_metrics, summarize
from .relative import mean_relative_performance, rank, relative_performance
from .score import mean_score
from .segmentation import organ_dice, organ_hd95, segmentation_metrics
from .task_metric import TaskMetric, metric_value, summary_value

__all__ = [
    "AUROC",
    "DVH_METRICS",
    "VOXEL_SETS",
    "AUROCHandler",
    "BalancedAccuracy",
    "BalancedAccuracyHandler",
    "DoseScore",
    "DoseScoreHandler",
    "RadiotherapyReference",
    "TaskMetric",
    "auroc",
    "calibration_points",
    "case_rows",
    "classification_metrics",
    "comparison_metrics",
    "diagnosis_metrics",
    "diagnosis_summary",
    "dose_mae",
    "dose_mae_sets",
    "dose_score",
    "dvh",
    "dvh_metrics",
    "dvh_score",
    "lesion_mask_metrics",
    "mean_relative_performance",
    "mean_score",
    "metric_value",
    "organ_dice",
    "organ_hd95",
    "paired_interval",
    "radiotherapy_metrics",
    "rank",
    "relative_performance",
    "roc_points",
    "segmentation_metrics",
    "summarize",
    "summarize_lesions",
    "summary_value",
]
