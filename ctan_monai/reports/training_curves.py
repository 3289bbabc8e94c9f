# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Training curves from the logs that a training run leaves."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from .charts import Chart, draw_chart, draw_lines, legend
from .structures import display_name

__all__ = ["line_chart", "read_log", "training_charts"]


def read_log(path: Path | str) -> dict[str, list[float]]:
    """Columns of a log.

    Args:
        path: a csv with one row an epoch and a column `epoch`, as :class:`ctan_monai.handlers.EpochLog` writes it.

    Returns:
        Values by column, NaN where a cell is empty; nothing where the file does not exist or has no row.

    Raises:
        ValueError: if a cell is not a number, or there is no column `epoch`.
    """
    path = Path(path)
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if rows and "epoch" not in rows[0]:
        raise ValueError(
            f"{path}: has the columns {', '.join(rows[0])}, expected one named 'epoch'; is it a training log?"
        )
    columns: dict[str, list[float]] = {}
    for line, row in enumerate(rows, start=2):
        for name in rows[0]:
            cell = row[name]
            try:
                columns.setdefault(name, []).append(float(cell or math.nan))
            except ValueError as error:
                raise ValueError(f"{path}: line {line} has '{cell}' as {name}, expected a number.") from error
    return columns


def training_charts(training_dir: Path | str) -> list[Chart]:
    """Losses, task weights, validation metrics and learning rate over the epochs.

    Args:
        training_dir: folder with `training_log.csv` (columns `epoch`, `<task>_loss`, `<task>_weight`, `learning_rate`)
            and `validation_log.csv` (`epoch` and metrics).

    Returns:
        Charts of what the logs hold: weights only with several tasks, the learning rate only if it changes. None
        without logs.
    """
    log = read_log(Path(training_dir) / "training_log.csv")
    validation = read_log(Path(training_dir) / "validation_log.csv")
    losses, weights = (
        {display_name(name.removesuffix(ending)): values for name, values in log.items() if name.endswith(ending)}
        for ending in ("_loss", "_weight")
    )
    metrics = {display_name(name): values for name, values in validation.items() if name != "epoch"}
    charts = []
    if losses:
        # losses of different tasks differ by an order of magnitude
        charts.append(line_chart("Training loss", "Loss (unweighted)", log["epoch"], losses, logarithmic=True))
    if len(weights) > 1:
        charts.append(line_chart("Task weights", "Weight", log["epoch"], weights))
    if metrics:
        charts.append(line_chart("Validation", "Metric", validation["epoch"], metrics))
    if len(set(rates := log.get("learning_rate", []))) > 1:
        charts.append(line_chart("Learning rate", "Learning rate", log["epoch"], {"Learning rate": rates}))
    return charts


def line_chart(
    title: str, y_label: str, epochs: Sequence[float], lines: Mapping[str, Sequence[float]], logarithmic: bool = False
) -> Chart:
    """One line a name over the epochs.

    Args:
        title: heading.
        y_label: quantity and unit.
        epochs: along x.
        lines: values by name, as many as epochs; NaN where there is none.
        logarithmic: scale of y, if all values are positive.
    """
    finite = {name: [value for value in values if math.isfinite(value)] for name, values in lines.items()}

    def draw(axes: Axes, dark: bool) -> None:
        # a single epoch is a dot, for a line needs two
        marker = "o" if len(epochs) == 1 else None
        draw_lines(axes, dark, {name: (epochs, v) for name, v in lines.items()}, linewidth=1.6, marker=marker)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if logarithmic and min((v for values in finite.values() for v in values), default=0.0) > 0:
            axes.set_yscale("log")
        if len(lines) > 1:
            legend(axes, dark, columns=min(3, len(lines)))

    ends = "; ".join(
        f"{name} from {found[0]:.3g} to {found[-1]:.3g}" if found else f"{name} from no value to no value"
        for name, found in finite.items()
    )
    return draw_chart(title, f"{title} over {len(epochs)} epochs: {ends}.", "Epoch", y_label, draw)
