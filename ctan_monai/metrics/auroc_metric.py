# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""AUROC of a binary image-level task for validation during training, as an Ignite handler in MONAI's way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from monai.handlers.ignite_metric import IgniteMetricHandler
from monai.metrics import CumulativeIterationMetric

from .classification import auroc

__all__ = ["AUROC", "AUROCHandler"]


class AUROC(CumulativeIterationMetric):
    """AUROC over the cases of all processes that have a label; NaN where they are of one class.

    MONAI's ``ROCAUCMetric`` has no way to leave cases out, and warns where a class is absent.
    """

    def __call__(self, y_pred: Any, y: Any = None, **kwargs: Any) -> torch.Tensor:
        """Add cases.

        Args:
            y_pred: scores, lists of (1,) or a tensor (B, 1).
            y: labels 0 or 1 likewise; NaN where a case has none.
            kwargs: not used.

        Returns:
            (B, 2), what is kept of each case.
        """
        rows = torch.stack([_column(y_pred), _column(y)], dim=1)
        self.extend(rows)
        return rows

    def _compute_tensor(self, y_pred: torch.Tensor, y: torch.Tensor | None = None, **kwargs: Any) -> torch.Tensor:
        raise NotImplementedError  # __call__ does it

    def aggregate(self) -> torch.Tensor:
        """The area under the ROC curve, float64, a fraction."""
        rows = self.get_buffer()  # type: ignore[no-untyped-call]
        if rows is None:
            raise ValueError("AUROC has seen no case yet.")
        rows = rows[~torch.isnan(rows[:, 1])].cpu().numpy()
        value = auroc(rows[:, 1] > 0.5, rows[:, 0])
        return torch.tensor(math.nan if value is None else value, dtype=torch.float64)


class AUROCHandler(IgniteMetricHandler):
    """Handler of :class:`AUROC`; reads "pred_<task>", "label_<task>" and, if there, "label_<task>_present".

    Args:
        task: name of the task.
        save_details: whether to keep the cases in `engine.state.metric_details`.
    """

    def __init__(self, task: str, save_details: bool = True) -> None:
        self.task = task
        super().__init__(metric_fn=AUROC(), output_transform=self._rows, save_details=save_details)

    def _rows(self, output: Sequence[dict[str, Any]]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        scores, labels = [], []
        for item in output:
            label = torch.as_tensor(item[f"label_{self.task}"]).double().reshape(1)
            present = torch.as_tensor(item.get(f"label_{self.task}_present", 1)).reshape(1).to(label.device)
            scores.append(item[f"pred_{self.task}"].reshape(1))
            labels.append(torch.where(present != 0, label, torch.full_like(label, math.nan)))
        return scores, labels


def _column(values: Any) -> torch.Tensor:
    tensor = torch.cat([v.reshape(-1) for v in values]) if isinstance(values, list | tuple) else values.reshape(-1)
    return tensor.detach().double()
