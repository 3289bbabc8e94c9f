# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The two pictures of a page: three planes of the patient, and dose-volume histograms.

No text from a file is drawn: names stand in the page's tables, beside their colors.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.markers import CARETRIGHT

from ctan_monai.dicom.snomed_codes import structure_color
from ctan_monai.inference import LEAST_PERCENT, judged_voxels
from ctan_monai.metrics import dvh
from ctan_monai.reports.charts import chart_png, draw_contour, figure_png
from ctan_monai.reports.radiotherapy.pictures import (
    DOSE_MAP,
    color_bar,
    draw_ct,
    draw_dose,
    draw_letters,
    draw_text,
)
from ctan_monai.reports.radiotherapy.planes import PLANES, most_informative_slices, plane_views

from .volumes import PageVolumes

__all__ = ["EDGE_LETTERS", "dvh_png", "planes_figure", "planes_png", "structure_colors"]

#: Sides of the patient at the left, right, top and bottom of each plane: right, left, anterior, posterior, head, feet.
EDGE_LETTERS = {"axial": "RLAP", "coronal": "RLHF", "sagittal": "APHF"}

# Seen on black and on white, and told apart with the common color blindnesses. Organs have the colors of the DICOM
# objects, darker.
_ORGAN_BRIGHTNESS = 0.75
_TARGET_COLORS = ("#e5203c", "#b068e8", "#e86aa6", "#8c1d2f", "#5b3fb0", "#ff9c8f")
_WIDTH = 7.48  # inches, of the page
_MARGIN_MM = 60.0  # of the coronal and sagittal plane, above and below the structures
_STEP = 0.25  # Gy, of the histograms


def structure_colors(volumes: PageVolumes) -> dict[str, str]:
    """Hexadecimal color of each target (by prescription) and organ (by name, whichever others were found)."""
    targets = sorted(volumes.targets, key=lambda name: -volumes.targets[name][0])
    organs = [name for name in volumes.organs if name not in targets]
    colors = {name: _TARGET_COLORS[i % len(_TARGET_COLORS)] for i, name in enumerate(targets)}
    for number, name in enumerate(organs, 1):
        red, green, blue = (_ORGAN_BRIGHTNESS * part / 255 for part in structure_color(name, number))
        colors[name] = to_hex((red, green, blue))
    return colors


def planes_figure(volumes: PageVolumes, colors: Mapping[str, str], highest: float = 2.9) -> Figure:
    """Three planes with contours and dose: those that show most of the targets, or of the organs without targets.

    The axial plane is seen from the feet and the coronal one from the front, as radiologists look at them: the
    patient's right is at the left.

    Args:
        volumes: of the patient.
        colors: of :py:func:`structure_colors`.
        highest: of the planes, inches.
    """
    targets = {name: mask for name, (_, mask) in volumes.targets.items()}
    structures = targets or volumes.organs
    dose = volumes.dose
    indices = most_informative_slices(volumes.body if dose is None else dose, list(structures.values()))
    low, high = _shown_slices(list(structures.values()), volumes)
    planes = plane_views(
        volumes.ct[:, :, low:high],
        volumes.body[:, :, low:high],
        (indices[0], indices[1], indices[2] - low),
        volumes.spacing,
        {},
        {"dose": None if dose is None else dose[:, :, low:high]},
        {name: mask[:, :, low:high] for name, mask in {**volumes.organs, **targets}.items()},
    )
    widths = np.array([plane.size[1] for plane in planes])
    tallest = max(plane.size[0] for plane in planes)
    inch = max(widths.sum() / _WIDTH, tallest / highest)  # mm of the patient, one scale for all planes
    row, bar = tallest / inch, 0.0 if dose is None else 0.5
    figure = Figure(figsize=(_WIDTH, row + bar), facecolor="#000000")
    dose_range = Normalize(0.0, 5.0 * float(np.ceil(max(1.0, 0.0 if dose is None else float(dose.max())) / 5.0)))
    gap = (1.0 - widths.sum() / inch / _WIDTH) / len(planes)
    left = gap / 2
    for plane, width in zip(planes, widths / inch / _WIDTH, strict=True):
        axes = figure.add_axes((left, bar / (row + bar), width, row / (row + bar)), label=plane.plane)
        left += width + gap
        draw_ct(axes, plane)
        if dose is not None:
            draw_dose(axes, plane, plane.prediction["dose"], dose_range)
        for name, mask in plane.targets.items():
            draw_contour(axes, mask, colors[name], "solid", 1.6 if name in targets else 1.0)
        draw_letters(axes, EDGE_LETTERS[plane.plane])
        axis = PLANES[plane.plane]
        where = f"{plane.plane} {indices[axis] + 1} / {volumes.ct.shape[axis]}"
        draw_text(axes, 0.02, 0.02, where, ha="left", va="bottom", fontsize=6.5)
    if dose is not None:
        place = (0.25, 0.38 / (row + bar), 0.5, 0.07 / (row + bar))
        color_bar(figure, place, DOSE_MAP, dose_range, "Predicted dose (Gy)", "neither")
    return figure


def _shown_slices(structures: list[np.ndarray], volumes: PageVolumes) -> tuple[int, int]:
    """The slices that hold structures, and a margin; all of them without structures."""
    count = volumes.ct.shape[2]
    if not structures:
        return 0, count
    held = np.flatnonzero(np.any([mask.any(axis=(0, 1)) for mask in structures], axis=0))
    margin = round(_MARGIN_MM / volumes.spacing[2])
    return max(0, int(held[0]) - margin), min(count, int(held[-1]) + 1 + margin)


def planes_png(volumes: PageVolumes, colors: Mapping[str, str], highest: float = 2.9) -> bytes:
    """:py:func:`planes_figure` as a PNG file."""
    return figure_png(planes_figure(volumes, colors, highest), dpi=200)


def dvh_png(volumes: PageVolumes, colors: Mapping[str, str]) -> bytes | None:
    """Dose-volume histograms as a PNG file; None where there is no dose, or no structure.

    Targets have thick lines. Each prescription is marked by a line; the mark near it says what covers the target: 95 %
    of the volume at 95 % of the prescription. A curve that passes to its right covers.

    Args:
        volumes: of the patient; of a target, what :py:func:`ctan_monai.inference.judged_voxels` leaves.
        colors: of :py:func:`structure_colors`.
    """
    structures = {**volumes.organs, **judged_voxels(volumes.targets)}
    dose = volumes.dose
    if dose is None or not structures:
        return None
    values = {name: found for name, mask in structures.items() if (found := dose[mask]).size}
    prescribed = {name: gray for name, (gray, _) in volumes.targets.items()}
    last = 1.05 * max([float(found.max()) for found in values.values()] + list(prescribed.values()) + [1.0])
    axis = np.arange(0.0, last + _STEP, _STEP)

    def draw(axes: Axes, dark: bool) -> None:
        ink = str(axes.xaxis.label.get_color())
        labeled = np.inf
        for gray in sorted(set(prescribed.values()), reverse=True):
            axes.axvline(gray, color=ink, linewidth=0.8, linestyle=(0, (4, 3)))
            if labeled - gray >= last / 20:  # else the numbers would cover each other
                axes.text(gray, 103.0, f"{gray:g}", ha="center", va="bottom", fontsize=9, color=ink)
                labeled = gray
        for name, found in values.items():
            width = 2.4 if name in prescribed else 1.3
            _, volume = dvh(found, np.ones(found.shape, bool), axis)
            axes.plot(axis, volume, color=colors[name], linewidth=width)
        for name, gray in prescribed.items():
            mark = LEAST_PERCENT / 100 * gray, 95.0
            axes.plot(
                *mark, marker=CARETRIGHT, color=colors[name], markersize=7, markeredgecolor=ink, markeredgewidth=0.6
            )
        axes.set(xlim=(0.0, axis[-1]), ylim=(0.0, 102.0))

    return chart_png("Dose (Gy)", "Volume (%)", draw, dark=False)
