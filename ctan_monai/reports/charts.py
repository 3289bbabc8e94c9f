# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Charts, drawn once for light and once for dark pages, and contours on pictures."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

__all__ = ["DASHES", "Chart", "chart_png", "draw_chart", "draw_contour", "draw_lines", "figure_png", "legend"]

DASHES: dict[str, Any] = {"solid": "solid", "dashed": (0, (3, 1.5))}

_INK = {False: "#30343a", True: "#d5d9de"}
_GRID = {False: "#d9dce0", True: "#3a3f46"}
_COLORS = {
    False: ("#0072b2", "#c25e00", "#00795a", "#b0357f", "#7a4a14", "#666666"),
    True: ("#56b4e9", "#ff9d2e", "#2fd6a1", "#f49ac8", "#c8a06a", "#b4b4b4"),
}


@dataclass(frozen=True)
class Chart:
    """A chart as PNG files with a transparent background.

    Args:
        title: heading; not drawn, the page has it.
        description: what it shows, for those who cannot see it.
        light: for a light page.
        dark: for a dark page.
    """

    title: str
    description: str
    light: bytes
    dark: bytes


def draw_chart(
    title: str,
    description: str,
    x_label: str,
    y_label: str,
    draw: Callable[[Axes, bool], None],
    size: tuple[float, float] = (5.2, 3.6),
) -> Chart:
    """Draw a chart for light and dark pages.

    Args:
        title: of the chart.
        description: of the chart.
        x_label: quantity and unit along x.
        y_label: quantity and unit along y.
        draw: draws the lines, given the axes and whether the page is dark.
        size: width and height, inches.
    """
    return Chart(title, description, *(chart_png(x_label, y_label, draw, dark, size) for dark in (False, True)))


def chart_png(
    x_label: str,
    y_label: str,
    draw: Callable[[Axes, bool], None],
    dark: bool,
    size: tuple[float, float] = (5.2, 3.6),
) -> bytes:
    """A chart as a PNG file, for a light or for a dark page; see :func:`draw_chart`."""
    ink = _INK[dark]
    figure = Figure(figsize=size, facecolor="none", layout="constrained")
    axes = figure.add_subplot(facecolor="none")
    axes.set_xlabel(x_label, color=ink, fontsize=10)
    axes.set_ylabel(y_label, color=ink, fontsize=10)
    axes.tick_params(colors=ink, labelsize=9, length=3)
    axes.grid(color=_GRID[dark], linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(ink)
    draw(axes, dark)
    return figure_png(figure, dpi=150)


def figure_png(figure: Figure, dpi: int = 120) -> bytes:
    """A figure as a PNG file, without date or software in its metadata: equal input, equal bytes."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, facecolor=figure.get_facecolor(), metadata={"Software": None})
    return stream.getvalue()


def draw_lines(axes: Axes, dark: bool, lines: Mapping[str, tuple[Any, Any]], **style: Any) -> None:
    """Draw lines, name to x and y, each in a color of its own."""
    for color, (name, (x, y)) in zip(cycle(_COLORS[dark]), lines.items(), strict=False):
        axes.plot(x, y, color=color, label=name, **style)


def legend(axes: Axes, dark: bool, handles: Sequence[Line2D] | None = None, columns: int = 1) -> None:
    """Put a legend above the chart's lines, where it can hide none of them."""
    axes.legend(
        handles=axes.get_legend_handles_labels()[0] if handles is None else handles,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        frameon=False,
        labelcolor=_INK[dark],
        fontsize=9,
        borderaxespad=0.2,
        handlelength=1.8,
        columnspacing=1.2,
    )


def draw_contour(
    axes: Axes, mask: np.ndarray, color: str, style: str, width: float = 1.3, closed: bool = False
) -> None:
    """The outline of a mask, on a dark line that sets it off any background.

    Args:
        axes: of the picture.
        mask: bool (H, W).
        color: of the line.
        style: a key of :data:`DASHES`.
        width: of the line, points.
        closed: whether the outline runs along the picture's border where the mask reaches it.
    """
    if not mask.any():
        return
    around = int(closed)
    y, x = (np.clip(np.arange(-around, n + around), 0, n - 1) for n in mask.shape)
    values = np.pad(mask.astype(np.float32), around)
    lines = axes.contour(x, y, values, levels=[0.5], colors=[color], linewidths=width, linestyles=[DASHES[style]])
    lines.set_path_effects([withStroke(linewidth=width + 1.1, foreground="#000000b0")])
