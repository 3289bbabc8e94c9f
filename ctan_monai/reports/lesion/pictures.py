# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a report on lesions: contours on the image, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from ctan_monai.reports.charts import Chart
from ctan_monai.reports.radiotherapy.pictures import figure_png

__all__ = ["confusion_chart", "lesion_png"]

_REFERENCE, _PREDICTION = "#ffffff", "#56e0ff"
_WIDTH = 9.0  # inches


def lesion_png(image: np.ndarray, reference: np.ndarray, predicted: np.ndarray | None) -> bytes:
    """An image twice: alone, and with the contours of the reference (solid) and of the prediction (dashed).

    Args:
        image: uint8 (H, W, 3).
        reference: bool (H, W).
        predicted: bool (H, W), or None.
    """
    height = _WIDTH / 2 * image.shape[0] / image.shape[1]
    legend = 0.35
    figure = Figure(figsize=(_WIDTH, height + legend), facecolor="black")
    FigureCanvasAgg(figure)
    share = height / (height + legend)
    for position in range(2):
        axes = figure.add_axes((position / 2 + 0.002, 1 - share, 0.496, share))
        axes.set_axis_off()
        axes.imshow(image, interpolation="bilinear")
        if position:
            _contour(axes, reference, _REFERENCE, "solid")
            if predicted is not None:
                _contour(axes, predicted, _PREDICTION, (0, (4, 2)))
    handles = [Line2D([], [], color=_REFERENCE, linewidth=1.6, label="reference")]
    if predicted is not None:
        handles.append(Line2D([], [], color=_PREDICTION, linewidth=1.6, linestyle=(0, (4, 2)), label="prediction"))
    figure.legend(
        handles=handles, loc="lower center", ncols=2, frameon=False, labelcolor="#e8e8e8", fontsize=9.5,
        bbox_to_anchor=(0.5, -0.01),
    )  # fmt: skip
    return figure_png(figure)


def confusion_chart(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> Chart:
    """The confusion matrix, colored by the share of each true class (row), with counts."""
    rows = [
        f"{true}: " + ", ".join(f"{count} {name}" for count, name in zip(counts, classes, strict=True) if count)
        for true, counts in zip(classes, confusion, strict=True)
        if sum(counts)
    ]
    description = f"Confusion matrix, for each true diagnosis the predicted ones. {'; '.join(rows)}."
    return Chart("Confusion matrix", description, *(_confusion(confusion, classes, dark) for dark in (False, True)))


def _confusion(confusion: Sequence[Sequence[int]], classes: Sequence[str], dark: bool) -> bytes:
    counts = np.asarray(confusion, dtype=float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ink = "#d5d9de" if dark else "#30343a"
    figure = Figure(figsize=(5.6, 5.0), facecolor="none", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor="none")
    axes.imshow(shares, cmap="Blues_r" if dark else "Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("Predicted", color=ink)
    axes.set_ylabel("True", color=ink)
    axes.tick_params(colors=ink, length=0)
    axes.spines[:].set_visible(False)
    for (i, j), count in np.ndenumerate(counts):
        light = (shares[i, j] > 0.5) != dark
        axes.text(j, i, f"{count:.0f}", ha="center", va="center", fontsize=9, color="#ffffff" if light else "#10253f")
    return figure_png(figure, dpi=150)


def _contour(axes: object, mask: np.ndarray, color: str, style: object) -> None:
    if not mask.any():
        return
    padded = np.pad(mask.astype(np.float32), 1)  # so that a lesion at the border has a closed contour
    y, x = (np.clip(np.arange(-1, n + 1), 0, n - 1) for n in mask.shape)
    lines = axes.contour(x, y, padded, levels=[0.5], colors=[color], linewidths=1.5, linestyles=[style])  # type: ignore[attr-defined]
    lines.set_path_effects([withStroke(linewidth=2.8, foreground="#000000c0")])
