# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""ROC and calibration curves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from ctan_monai.metrics.classification import auroc, calibration_points, roc_points
from ctan_monai.reports.charts import Chart, draw_chart, legend
from ctan_monai.reports.structures import display_name
from ctan_monai.reports.table import number
from ctan_monai.reports.training_curves import COLORS

__all__ = ["calibration_chart", "roc_chart"]

Curves = Mapping[str, tuple[np.ndarray, np.ndarray]]  # name of a line to (positive, scores)
_DIAGONAL = "#8a8f96"


def roc_chart(task: str, curves: Curves) -> Chart | None:
    """ROC curves of a task; None where no line has both classes."""
    points = {name: found for name, curve in curves.items() if (found := roc_points(*curve)) is not None}
    if not points:
        return None
    labels = {name: f"{name}: {number(auroc(*curves[name]), 3)}" for name in points}

    def draw(axes: Axes, dark: bool) -> None:
        axes.plot([0, 1], [0, 1], color=_DIAGONAL, linewidth=1, linestyle="dotted")
        for position, (name, (false_rate, true_rate)) in enumerate(points.items()):
            color = COLORS[dark][position % len(COLORS[dark])]
            axes.plot(false_rate, true_rate, color=color, linewidth=1.8, label=labels[name])
        _square(axes)
        legend(axes, dark)

    title = f"{display_name(task)}: ROC"
    description = f"{title}. Areas under the curve: {'; '.join(labels.values())}. The diagonal is chance."
    return draw_chart(title, description, "False positive rate", "True positive rate", draw)


def calibration_chart(task: str, curves: Curves) -> Chart | None:
    """Share of positives over mean predicted probability; None where there is no case."""
    points = {name: found for name, curve in curves.items() if (found := calibration_points(*curve)) is not None}
    if not points:
        return None

    def draw(axes: Axes, dark: bool) -> None:
        axes.plot([0, 1], [0, 1], color=_DIAGONAL, linewidth=1, linestyle="dotted")
        for position, (name, (mean, share)) in enumerate(points.items()):
            color = COLORS[dark][position % len(COLORS[dark])]
            axes.plot(mean, share, color=color, linewidth=1.6, marker="o", markersize=4, label=name)
        _square(axes)
        legend(axes, dark)

    title = f"{display_name(task)}: calibration"
    bins = "; ".join(
        f"{name}: " + ", ".join(f"{number(m, 2)} predicted, {number(s, 2)} found" for m, s in zip(*found, strict=True))
        for name, found in points.items()
    )
    return draw_chart(title, f"{title}. {bins}.", "Mean predicted probability", "Share of positives", draw)


def _square(axes: Axes) -> None:
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
