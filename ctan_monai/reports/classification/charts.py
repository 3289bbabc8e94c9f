# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""ROC and calibration curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ctan_monai.metrics.classification import auroc, calibration_points, roc_points
from ctan_monai.reports.charts import Chart, draw_chart, draw_lines, legend
from ctan_monai.reports.structures import display_name
from ctan_monai.reports.table import number

__all__ = ["calibration_chart", "roc_chart"]

Curves = Mapping[str, tuple[np.ndarray, np.ndarray]]  # name of a line to (positive, scores)


def roc_chart(task: str, curves: Curves) -> Chart | None:
    """ROC curves of a task; None where no line has both classes."""
    lines = {
        f"{name}: {number(auroc(*curve), 3)}": points
        for name, curve in curves.items()
        if (points := roc_points(*curve)) is not None
    }
    text = f"Areas under the curve: {'; '.join(lines)}. The diagonal is chance."
    return _chart(f"{display_name(task)}: ROC", text, "False positive rate", "True positive rate", lines, linewidth=1.8)


def calibration_chart(task: str, curves: Curves) -> Chart | None:
    """Share of positives over mean predicted probability; None where there is no case."""
    lines = {name: points for name, curve in curves.items() if (points := calibration_points(*curve)) is not None}
    bins = "; ".join(
        f"{name}: " + ", ".join(f"{number(m, 2)} predicted, {number(s, 2)} found" for m, s in zip(*found, strict=True))
        for name, found in lines.items()
    )
    title, axes = f"{display_name(task)}: calibration", ("Mean predicted probability", "Share of positives")
    return _chart(title, f"{bins}.", *axes, lines, linewidth=1.6, marker="o", markersize=4)


def _chart(title: str, text: str, x_label: str, y_label: str, lines: Mapping[str, Any], **style: Any) -> Chart | None:
    """Lines between 0 and 1 on both axes, about the diagonal."""

    def draw(axes: Axes, dark: bool) -> None:
        axes.plot([0, 1], [0, 1], color="#8a8f96", linewidth=1, linestyle="dotted")
        draw_lines(axes, dark, lines, **style)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        legend(axes, dark)

    return draw_chart(title, f"{title}. {text}", x_label, y_label, draw) if lines else None
