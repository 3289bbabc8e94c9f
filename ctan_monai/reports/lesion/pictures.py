# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a report on lesions: contours on the image, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ctan_monai.reports.charts import DASHES, Chart, draw_chart, draw_contour, figure_png

__all__ = ["confusion_chart", "lesion_png"]

_REFERENCE, _PREDICTION = "#ffffff", "#56e0ff"
_WIDTH, _LEGEND = 9.0, 0.35  # inches


def lesion_png(image: np.ndarray, reference: np.ndarray, predicted: np.ndarray | None) -> bytes:
    """An image twice: alone, and with the contours of the reference (solid) and of the prediction (dashed).

    Args:
        image: uint8 (H, W, 3).
        reference: bool (H, W).
        predicted: bool (H, W), or None.
    """
    height = _WIDTH / 2 * image.shape[0] / image.shape[1]
    figure = Figure(figsize=(_WIDTH, height + _LEGEND), facecolor="black")
    share = height / (height + _LEGEND)
    for left in (0.002, 0.502):
        axes = figure.add_axes((left, 1 - share, 0.496, share))
        axes.set_axis_off()
        axes.imshow(image, interpolation="bilinear")
    lines = {"reference": (reference, _REFERENCE, "solid")}
    if predicted is not None:
        lines["prediction"] = (predicted, _PREDICTION, "dashed")
    for mask, color, style in lines.values():
        draw_contour(axes, mask, color, style, 1.5, closed=True)
    handles = [
        Line2D([], [], color=color, linewidth=1.6, linestyle=DASHES[style], label=name)
        for name, (_, color, style) in lines.items()
    ]
    figure.legend(
        handles=handles, loc="lower center", ncols=2, frameon=False, labelcolor="#e8e8e8", fontsize=9.5,
        bbox_to_anchor=(0.5, -0.01),
    )  # fmt: skip
    return figure_png(figure)


def confusion_chart(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> Chart:
    """The confusion matrix, colored by the share of each true class (row), with counts."""
    counts = np.asarray(confusion, dtype=float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def draw(axes: Axes, dark: bool) -> None:
        axes.imshow(shares, cmap="Blues_r" if dark else "Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(classes)), classes)
        axes.set_yticks(range(len(classes)), classes)
        axes.tick_params(length=0)
        axes.grid(False)
        axes.spines[:].set_visible(False)
        for (i, j), count in np.ndenumerate(counts):
            ink = "#ffffff" if (shares[i, j] > 0.5) != dark else "#10253f"
            axes.text(j, i, f"{count:.0f}", ha="center", va="center", fontsize=9, color=ink)

    rows = [
        f"{true}: " + ", ".join(f"{count} {name}" for count, name in zip(counts, classes, strict=True) if count)
        for true, counts in zip(classes, confusion, strict=True)
        if sum(counts)
    ]
    text = f"Confusion matrix, for each true diagnosis the predicted ones. {'; '.join(rows)}."
    return draw_chart("Confusion matrix", text, "Predicted", "True", draw, size=(5.6, 5.0))
