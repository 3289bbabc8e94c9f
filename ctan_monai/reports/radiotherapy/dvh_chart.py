# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Dose-volume histograms of one patient: reference and prediction in one chart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ctan_monai.metrics import dvh
from ctan_monai.reports.charts import Chart, draw_chart, legend
from ctan_monai.reports.structures import display_name, is_target, structure_colors

from .pictures import line_style_handles

__all__ = ["DVHCurves", "dvh_charts", "dvh_curves"]


@dataclass(frozen=True)
class DVHCurves:
    """Cumulative histograms of one patient.

    Args:
        dose: the axis, Gy, (N,).
        reference: volume in % that receives at least that dose, (N,), by structure.
        prediction: as ``reference``.
    """

    dose: np.ndarray
    reference: dict[str, np.ndarray]
    prediction: dict[str, np.ndarray]


def dvh_curves(
    reference: np.ndarray, prediction: np.ndarray, structures: Mapping[str, np.ndarray], step: float = 0.5
) -> DVHCurves:
    """Curves of two doses in the same structures.

    Args:
        reference: dose in Gy, (X, Y, Z).
        prediction: dose in Gy, (X, Y, Z).
        structures: bool masks by name; empty ones are left out.
        step: of the dose axis, Gy.

    Returns:
        The curves, on one axis from 0 to the first dose that no voxel reaches.
    """
    masks = {name: np.asarray(mask, dtype=bool) for name, mask in structures.items() if np.any(mask)}
    highest = max((float(dose[mask].max()) for dose in (reference, prediction) for mask in masks.values()), default=0.0)
    axis = np.arange(0.0, highest + 2 * step, step)
    curves = (
        {name: dvh(dose, mask, axis)[1].astype(np.float32) for name, mask in masks.items()}
        for dose in (reference, prediction)
    )
    return DVHCurves(axis, *curves)


def dvh_charts(curves: DVHCurves) -> list[Chart]:
    """Draw the curves, targets and organs at risk apart: one color a structure, reference solid, prediction dashed.

    Returns:
        A chart for the targets and one for the organs, as far as the patient has any.
    """
    charts = []
    for title, targets in (("Targets", True), ("Organs at risk", False)):
        names = [name for name in curves.reference if is_target(name) == targets]
        if not names:
            continue

        def draw(axes: Axes, dark: bool, names: list[str] = names) -> None:
            colors = structure_colors(names, dark)
            for side, style in ((curves.reference, "-"), (curves.prediction, "--")):
                for name in names:
                    axes.plot(curves.dose, side[name], color=colors[name], linewidth=1.6, linestyle=style)
            axes.set(xlim=(0.0, curves.dose[-1]), ylim=(0.0, 102.0))
            handles = [Line2D([], [], color=colors[name], linewidth=2, label=display_name(name)) for name in names]
            handles += line_style_handles(str(axes.xaxis.label.get_color()))
            legend(axes, dark, handles, columns=3)

        listed = ", ".join(display_name(name) for name in names)
        description = f"Dose-volume histogram of {listed}: reference solid, prediction dashed."
        charts.append(draw_chart(title, description, "Dose (Gy)", "Volume (%)", draw))
    return charts
