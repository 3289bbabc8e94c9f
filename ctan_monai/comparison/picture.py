# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ctan_monai.metrics import TaskMetric

from .render import method_title


def comparison_picture(title: str, table: Sequence[Mapping[str, Any]], metrics: Mapping[str, TaskMetric]) -> bytes:
    """The table as a picture: one panel a task, one line a method, a dot a seed, a bar at the mean over seeds.

    Args:
        title: name of the data set.
        table: of :py:func:`ctan_monai.comparison.comparison_table`.
        metrics: task to its metric.

    Returns:
        PNG.
    """
    names = [method_title(row["method"]) for row in table]
    figure = Figure(figsize=(4.2 * len(metrics), 1.3 + 0.4 * len(table)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(metrics), squeeze=False, sharey=True)[0]
    for axes, (task, metric) in zip(panels, metrics.items(), strict=True):
        for place, row in enumerate(table):
            values = row["tasks"][task]["values"]
            axes.plot(values, [place] * len(values), "o", color="#0072b2", markersize=5, alpha=0.7)
            if values:
                mean = row["tasks"][task]["mean"]
                axes.plot([mean, mean], [place - 0.28, place + 0.28], color="#0072b2", linewidth=2)
                axes.annotate(f"{mean:.2f}", (mean, place - 0.3), ha="center", va="bottom", fontsize=8)
        better = "right" if metric.higher_is_better else "left"
        axes.set_xlabel(f"{task}: {metric.title}, better to the {better}", fontsize=9)
        axes.set_ylim(len(table) - 0.4, -0.8)  # the table's first row on top
        axes.margins(x=0.15)
        axes.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(names)), names)
    figure.suptitle(title, fontsize=11)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()
