# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Balanced accuracy for validation during training, as an Ignite handler in MONAI's way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from monai.handlers import from_engine
from monai.handlers.ignite_metric import IgniteMetricHandler
from monai.metrics import CumulativeIterationMetric
from sklearn.metrics import recall_score

__all__ = ["BalancedAccuracy", "BalancedAccuracyHandler"]


class BalancedAccuracy(CumulativeIterationMetric):
    """Mean recall over the classes that occur, a fraction; images without a label (-1) are left out.

    As MONAI's metrics, it keeps the values by image and gathers them from all processes.
    """

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor | None = None, **kwargs: Any) -> torch.Tensor:
        """
        Args:
            y_pred: (B, C), logits or probabilities.
            y: (B,) or (B, 1), classes from 0.

        Returns:
            (B, 2), the predicted and the true class of each image.
        """
        if y is None or y.numel() != y_pred.shape[0]:
            found = "none" if y is None else tuple(y.shape)
            raise ValueError(f"{y_pred.shape[0]} predictions need as many labels, got {found}.")
        return torch.stack([y_pred.detach().argmax(1), y.detach().reshape(-1).to(y_pred.device).long()], dim=1)

    def aggregate(self) -> torch.Tensor:
        """Over the images of all processes; NaN if none has a label."""
        values = self.get_buffer()  # type: ignore[no-untyped-call]
        if values is None:
            raise ValueError("BalancedAccuracy has seen no image yet.")
        predicted, true = values[values[:, 1] >= 0].cpu().numpy().T
        if not len(true):
            return torch.tensor(float("nan"))
        # not balanced_accuracy_score, which warns where a class is predicted that does not occur
        recall = recall_score(true, predicted, labels=sorted(set(true.tolist())), average="macro", zero_division=0)
        return torch.tensor(float(recall))


class BalancedAccuracyHandler(IgniteMetricHandler):
    """Handler of :class:`BalancedAccuracy`.

    Args:
        output_transform: gives (prediction, label), lists of (C,) and of numbers, by default
            `monai.handlers.from_engine(['pred_diagnosis', 'label_diagnosis'])`.
        save_details: whether to keep the classes by image in `engine.state.metric_details`.
    """

    def __init__(self, output_transform: Callable[..., Any] | None = None, save_details: bool = True) -> None:
        output_transform = output_transform or from_engine(["pred_diagnosis", "label_diagnosis"])
        super().__init__(metric_fn=BalancedAccuracy(), output_transform=output_transform, save_details=save_details)
