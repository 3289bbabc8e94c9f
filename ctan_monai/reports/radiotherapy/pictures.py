# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of one patient: reference, prediction and their difference in three planes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from ctan_monai.reports.charts import draw_contour, figure_png
from ctan_monai.reports.structures import display_name, structure_colors

from .planes import EDGES, CaseViews, PlaneView

__all__ = [
    "DOSE_MAP",
    "case_figure",
    "case_png",
    "color_bar",
    "draw_ct",
    "draw_dose",
    "draw_letters",
    "draw_text",
    "figure_png",
    "line_style_handles",
]

_BACKGROUND, _INK, _FAINT = "#000000", "#e8e8e8", "#9a9a9a"  # CT is looked at on black, whatever the page's colors
DOSE_MAP, _DIFFERENCE_MAP = colormaps["plasma"], colormaps["berlin"]  # the latter: blue - black - red
_LOW_DOSE = 5.0  # Gy; below, the wash fades until the CT is bare at 0 Gy
_WIDTH = 9.0  # inches
_TALLEST = 1.1  # height of a row over the width of a column; taller planes are drawn narrower


def case_figure(views: CaseViews, labels: Mapping[int, str]) -> Figure:
    """Draw a patient: one row a plane; columns reference, prediction, difference.

    Dose is a color wash over the CT, its difference (prediction - reference) a wash of its own. Contours of the
    reference are solid, of the prediction dashed. Targets are the reference's in every column. Without a predicted
    segmentation only the reference's contours are drawn, without a predicted dose none.

    Args:
        views: of :func:`ctan_monai.reports.case_views`.
        labels: organ by label value.

    Returns:
        The figure, on black.
    """
    column = _WIDTH / 3
    heights = [column * min(plane.size[0] / plane.size[1], _TALLEST) for plane in views.planes]
    top, gap, bars, legend = 0.32, 0.06, 0.62, 0.55  # inches
    height = top + sum(heights) + gap * (len(heights) - 1) + bars + legend
    figure = Figure(figsize=(_WIDTH, height), facecolor=_BACKGROUND)
    organs = {organ: label for label, organ in labels.items() if any(_shows(plane, label) for plane in views.planes)}
    names = [*organs, *views.planes[0].targets]
    colors = structure_colors(names, dark=True)
    highest = 5.0 * float(np.ceil((views.max_dose or 70.0) / 5.0))
    limit = max(5.0, 5.0 * round(0.06 * highest))
    dose_range, difference_range = Normalize(0.0, highest), Normalize(-limit, limit)
    lower = height - top
    for plane, row_height in zip(views.planes, heights, strict=True):
        lower -= row_height
        for position, kind in enumerate(("reference", "prediction", "difference")):
            box = position / 3 + 0.003, lower / height, 1 / 3 - 0.006, row_height / height
            axes = figure.add_axes(box, label=f"{plane.plane} {kind}")
            _draw_plane(axes, plane, kind, organs, colors, dose_range, difference_range)
            if plane is views.planes[0]:
                axes.set_title(kind.capitalize(), color=_INK, fontsize=12, pad=6)
        lower -= gap
    if _has_dose(views.planes[0]):
        bar = (bars + legend - 0.22) / height, 0.11 / height
        color_bar(figure, (0.06, bar[0], 0.54, bar[1]), DOSE_MAP, dose_range, "Dose (Gy)", "max")
        label = "Prediction \N{MINUS SIGN} reference (Gy)"
        color_bar(figure, (0.70, bar[0], 0.26, bar[1]), _DIFFERENCE_MAP, difference_range, label, "both")
    handles = [Line2D([], [], color=colors[name], linewidth=2, label=display_name(name)) for name in names]
    handles += line_style_handles(_INK)
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=min(len(handles), 6),
        frameon=False,
        labelcolor=_INK,
        fontsize=9.5,
        bbox_to_anchor=(0.5, 0.0),
    )
    return figure


def case_png(views: CaseViews, labels: Mapping[int, str]) -> bytes:
    """:func:`case_figure` as a PNG file."""
    return figure_png(case_figure(views, labels))


def line_style_handles(color: str) -> list[Line2D]:
    """Legend entries for solid (reference) and dashed (prediction) lines."""
    return [
        Line2D([], [], color=color, linewidth=1.4, linestyle="solid", label="reference"),
        Line2D([], [], color=color, linewidth=1.4, linestyle="dashed", label="prediction"),
    ]


def _has_dose(plane: PlaneView) -> bool:
    """Whether there are two doses to compare; one alone would only hide the contours."""
    return "dose" in plane.reference and "dose" in plane.prediction


def _shows(plane: PlaneView, label: int) -> bool:
    return any(
        (side["segmentation"] == label).any() for side in (plane.reference, plane.prediction) if "segmentation" in side
    )


def _draw_plane(
    axes: Axes,
    plane: PlaneView,
    kind: str,
    organs: Mapping[str, int],
    colors: Mapping[str, str],
    dose_range: Normalize,
    difference_range: Normalize,
) -> None:
    draw_ct(axes, plane, dimmed=kind == "difference")
    if _has_dose(plane):
        if kind == "difference":
            difference = plane.prediction["dose"].astype(np.float32) - plane.reference["dose"]
            # no difference is clear, so that the CT shows
            opacity = 3.0 * np.abs(difference) / float(difference_range.vmax or 1.0)
            _wash(axes, plane, _DIFFERENCE_MAP(difference_range(difference)), opacity, 0.85)
        else:
            draw_dose(axes, plane, getattr(plane, kind)["dose"], dose_range)
    for name, mask in plane.targets.items():
        draw_contour(axes, mask, colors[name], "solid")
    for name, label in organs.items():
        for side_name, style in (("reference", "solid"), ("prediction", "dashed")):
            side = getattr(plane, side_name)
            if kind in (side_name, "difference") and "segmentation" in side:
                draw_contour(axes, side["segmentation"] == label, colors[name], style)
    draw_letters(axes, EDGES[plane.plane])
    if kind == "reference":
        where = f"{plane.plane} {plane.index + 1} / {plane.count}"
        draw_text(axes, 0.02, 0.02, where, ha="left", va="bottom", fontsize=7.5, color=_INK)


def draw_ct(axes: Axes, plane: PlaneView, dimmed: bool = False) -> None:
    """The CT of a plane, on black and without axes."""
    axes.set_facecolor(_BACKGROUND)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    brightest = 510 if dimmed else 255
    axes.imshow(plane.ct, cmap="gray", vmin=0, vmax=brightest, aspect=plane.aspect, interpolation="bilinear")


def draw_dose(axes: Axes, plane: PlaneView, dose: np.ndarray, dose_range: Normalize) -> None:
    """A dose as a wash of colors over the CT."""
    dose = dose.astype(np.float32)
    _wash(axes, plane, DOSE_MAP(dose_range(dose)), 0.5 * dose / _LOW_DOSE, 0.5)


def draw_letters(axes: Axes, letters: str) -> None:
    """The sides of the patient at the left, right, top and bottom edge of a picture."""
    left, right, top, bottom = list(letters)
    for x, y, letter in ((0.03, 0.5, left), (0.97, 0.5, right), (0.5, 0.96, top), (0.5, 0.04, bottom)):
        draw_text(axes, x, y, letter, ha="center", va="center", fontsize=10, fontweight="bold")


def _wash(axes: Axes, plane: PlaneView, colors: np.ndarray, opacity: np.ndarray, most: float) -> None:
    colors[..., 3] = np.clip(opacity, 0.0, most)
    axes.imshow(colors, aspect=plane.aspect, interpolation="bilinear")


def draw_text(axes: Axes, x: float, y: float, text: str, color: str = "#ffffff", **style: object) -> None:
    """Text at a place of the axes, 0 to 1, that can be read on any background."""
    drawn = axes.text(x, y, text, transform=axes.transAxes, color=color, **style)  # type: ignore[arg-type]
    drawn.set_path_effects([withStroke(linewidth=2, foreground="black")])


def color_bar(
    figure: Figure, box: tuple[float, float, float, float], colors: object, norm: Normalize, label: str, extend: str
) -> None:
    """A horizontal bar of colors with its numbers, on black."""
    mappable = ScalarMappable(norm=norm, cmap=colors)  # type: ignore[arg-type]
    bar = figure.colorbar(mappable, cax=figure.add_axes(box), orientation="horizontal", extend=extend)
    bar.set_label(label, color=_INK, fontsize=9.5, labelpad=2)
    bar.ax.tick_params(colors=_INK, labelsize=8.5, length=3)
    bar.outline.set_edgecolor(_FAINT)
