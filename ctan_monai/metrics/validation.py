# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Dose metrics for validation during training, as Ignite handlers in MONAI's way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from monai.handlers import from_engine
from monai.handlers.ignite_metric import IgniteMetricHandler
from monai.metrics import CumulativeIterationMetric
from monai.utils import convert_to_tensor

__all__ = ["DoseMAE", "DoseMAEHandler", "DoseScore", "DoseScoreHandler"]


class _MeanOverPatients(CumulativeIterationMetric):
    """Mean over patients of one value a patient; a patient without a reference dose has NaN and is left out.

    As MONAI's metrics, it keeps the values by patient and gathers them from all processes. Every patient adds a value,
    also one without a reference, so that each process has something to gather.
    """

    def __call__(self, y_pred: Any, y: Any = None, **kwargs: Any) -> torch.Tensor:
        """Add patients: lists of (1, *spatial), or tensors (B, 1, *spatial); Gy.

        Args:
            y_pred: predicted dose.
            y: reference dose. No voxel above 0, or NaN, says that the patient has no reference.
            kwargs: `mask`, as many masks as patients, where the metric takes one.

        Returns:
            (B, 1), the value of each patient.
        """
        masks = kwargs.get("mask")
        values = [
            self._compute_tensor(prediction, reference, mask=None if masks is None else masks[i])
            for i, (prediction, reference) in enumerate(zip(y_pred, y, strict=True))
        ]
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
        error = (prediction - reference).abs()
        mask = kwargs.get("mask")
        if mask is not None:
            error = error[convert_to_tensor(mask, track_meta=False).to(device=error.device, dtype=torch.bool)]
        if not error.numel():
            return torch.full_like(reference.mean(), float("nan"))
        # a prediction with NaN is the worst there is, not a patient to leave out
        mae = torch.nan_to_num(error.mean(), nan=float("inf"), posinf=float("inf"))
        return self._value(mae, reference)

    def _value(self, mae: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def aggregate(self) -> torch.Tensor:
        """Mean over the patients of all processes that have a reference; NaN if none has."""
        values = self.get_buffer()  # type: ignore[no-untyped-call]
        if values is None:
            raise ValueError(f"{type(self).__name__} has seen no patient yet.")
        return torch.nanmean(values)


class DoseMAE(_MeanOverPatients):
    """Mean absolute dose error in Gy, by patient over all voxels or over a mask, then over patients."""

    def _value(self, mae: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        return mae


class DoseScore(_MeanOverPatients):
    """`1 - MAE / mean reference dose`, both over the whole volume: 1 is perfect, 0 no better than no dose at all.

    Higher is better and free of units, so that it can be averaged with Dice to choose the best checkpoint. A mask is
    not used.
    """

    def __call__(self, y_pred: Any, y: Any = None, **kwargs: Any) -> torch.Tensor:
        if kwargs.get("mask") is not None:
            raise ValueError("DoseScore is over the whole volume; give the mask to DoseMAE.")
        return super().__call__(y_pred, y)

    def _value(self, mae: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        return 1 - mae / reference.mean()


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


class DoseMAEHandler(IgniteMetricHandler):
    """Handler of :class:`DoseMAE`.

    Args:
        output_transform: gives (predicted dose, reference dose), lists of (1, *spatial) in Gy, or those and a list of
            masks, for instance `monai.handlers.from_engine(['pred_dose', 'label_dose', 'body'])`.
        save_details: whether to keep the values by patient in `engine.state.metric_details`.
    """

    def __init__(self, output_transform: Callable[..., Any] = lambda x: x, save_details: bool = True) -> None:
        super().__init__(metric_fn=DoseMAE(), output_transform=output_transform, save_details=save_details)
        # Ignite unrolls lists into single items, and refuses three lists; MONAI's class does not pass its argument on
        self._skip_unrolling = True

    def update(self, output: Sequence[Any]) -> None:
        """Add patients.

        Args:
            output: (predicted dose, reference dose) or (predicted dose, reference dose, mask).
        """
        if len(output) == 3:
            self._is_reduced = False
            self.metric_fn(output[0], output[1], mask=output[2])
        else:
            super().update(output)
