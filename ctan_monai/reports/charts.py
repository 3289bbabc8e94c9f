# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Line charts, drawn once for light and once for dark pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ctan_monai.reports.radiotherapy.pictures import figure_png

__all__ = ["Chart", "chart_png", "draw_chart", "epoch_axis", "legend"]

_INK = {False: "#30343a", True: "#d5d9de"}
_GRID = {False: "#d9dce0", True: "#3a3f46"}


@dataclass(frozen=True)
class Chart:
    """A chart as PNG files with a transparent background.

    Args:
        title: heading.
        description: what it shows, for those who cannot see it.
        light: for a light page.
        dark: for a dark page.
    """

    title: str
    description: str
    light: bytes
    dark: bytes


def draw_chart(title: str, description: str, x_label: str, y_label: str, draw: Callable[[Axes, bool], None]) -> Chart:
    """Draw a chart for light and dark pages.

    Args:
        title: heading; not drawn, the page has it.
        description: what it shows, for those who cannot see it.
        x_label: quantity and unit along x.
        y_label: quantity and unit along y.
        draw: draws the lines, given the axes and whether the page is dark.

    Returns:
        The chart.
    """
    images = [chart_png(x_label, y_label, draw, dark) for dark in (False, True)]
    return Chart(title, description, *images)


def legend(axes: Axes, dark: bool, handles: Sequence[Line2D] | None = None, columns: int = 1) -> None:
    """Put a legend above the chart's lines, where it can hide none of them."""
    ink = _INK[dark]
    options = {"handles": list(handles)} if handles is not None else {}
    axes.legend(
        **options,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        frameon=False,
        labelcolor=ink,
        fontsize=9,
        borderaxespad=0.2,
        handlelength=1.8,
        columnspacing=1.2,
    )


def epoch_axis(axes: Axes) -> None:
    """Whole numbers along x."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def chart_png(x_label: str, y_label: str, draw: Callable[[Axes, bool], None], dark: bool) -> bytes:
    """A chart as a PNG file, for a light or for a dark page; see :func:`draw_chart`."""
    ink, grid = _INK[dark], _GRID[dark]
    figure = Figure(figsize=(5.2, 3.6), facecolor="none", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor="none")
    axes.set_xlabel(x_label, color=ink, fontsize=10)
    axes.set_ylabel(y_label, color=ink, fontsize=10)
    axes.tick_params(colors=ink, labelsize=9, length=3)
    axes.grid(color=grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(ink)
    draw(axes, dark)
    return figure_png(figure, dpi=150)
