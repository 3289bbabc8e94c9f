# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The dose score of validation during training, as an Ignite handler in MONAI's way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from monai.handlers import from_engine
from monai.handlers.ignite_metric import IgniteMetricHandler
from monai.metrics import CumulativeIterationMetric
from monai.utils import convert_to_tensor

__all__ = ["DoseScore", "DoseScoreHandler"]


class DoseScore(CumulativeIterationMetric):
    """``1 - MAE / mean reference dose``, both over the whole volume: 1 is perfect, 0 no better than no dose at all.

    The mean over patients; one without a reference dose has NaN and is left out. Higher is better and free of units,
    so that it can be averaged with Dice to choose the best checkpoint.

    As MONAI's metrics, it keeps the values by patient and gathers them from all processes. Every patient adds a value,
    also one without a reference, so that each process has something to gather.
    """

    def __call__(self, y_pred: Any, y: Any = None, **kwargs: Any) -> torch.Tensor:
        """Add patients: lists of (1, *spatial), or tensors (B, 1, *spatial); Gy.

        Args:
            y_pred: predicted dose.
            y: reference dose. No voxel above 0, or NaN, says that the patient has no reference.
            kwargs: of MONAI's metrics; none is used.

        Returns:
            (B, 1), the value of each patient.
        """
        values = [self._compute_tensor(prediction, reference) for prediction, reference in zip(y_pred, y, strict=True)]
        result = torch.stack(values).reshape(-1, 1)
        self.extend(result)
        return result

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor | None = None, **kwargs: Any) -> torch.Tensor:
        if y is None or y.shape != y_pred.shape:
            found = "none" if y is None else tuple(y.shape)
            raise ValueError(
                f"The predicted dose has shape {tuple(y_pred.shape)}, the reference {found}; "
                "validation compares both on one grid."
            )
        prediction = convert_to_tensor(y_pred.detach(), track_meta=False).float()
        reference = convert_to_tensor(y.detach(), track_meta=False).to(prediction)
        if not reference.mean() > 0:
            return torch.full_like(reference.mean(), float("nan"))
        # a prediction with NaN is the worst there is, not a patient to leave out
        mae = torch.nan_to_num((prediction - reference).abs().mean(), nan=float("inf"), posinf=float("inf"))
        score: torch.Tensor = 1 - mae / reference.mean()
        return score

    def aggregate(self) -> torch.Tensor:
        """Mean over the patients of all processes that have a reference; NaN if none has."""
        values = self.get_buffer()  # type: ignore[no-untyped-call]
        if values is None:
            raise ValueError(f"{type(self).__name__} has seen no patient yet.")
        return torch.nanmean(values)


class DoseScoreHandler(IgniteMetricHandler):
    """Handler of :class:`DoseScore`.

    Args:
        output_transform: gives (predicted dose, reference dose), lists of (1, *spatial) in Gy, by default
            `monai.handlers.from_engine(['pred_dose', 'label_dose'])`.
        save_details: whether to keep the values by patient in `engine.state.metric_details`.
    """

    def __init__(self, output_transform: Callable[..., Any] | None = None, save_details: bool = True) -> None:
        output_transform = output_transform or from_engine(["pred_dose", "label_dose"])
        super().__init__(metric_fn=DoseScore(), output_transform=output_transform, save_details=save_details)
