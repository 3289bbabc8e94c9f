# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The comparison as one HTML page without external resources."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from ctan_monai.metrics import TaskMetric
from ctan_monai.reports.charts import Chart, draw_chart
from ctan_monai.reports.page import flatten, render_html
from ctan_monai.reports.table import NOTHING, Cell, Table
from ctan_monai.reports.training_curves import line_chart

from .render import line_title, method_title

__all__ = ["comparison_page"]

_COST = ("parameters (million)", "training (s an epoch)", "validation (s a pass)", "seeds")
_LONG = ("by seed", "mean relative, one case left out")  # columns whose cells may take several lines


def comparison_page(
    title: str,
    table: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, str]],
    further: Sequence[Mapping[str, str]],
    contrasts: Mapping[str, Sequence[Mapping[str, str]]],
    metrics: Mapping[str, TaskMetric],
    results: Sequence[Mapping[str, Any]],
    missing: Sequence[str],
    unequal: Sequence[str],
    provenance: Mapping[str, Any],
    also: Mapping[str, Sequence[Mapping[str, str]]] | None = None,
) -> str:
    """The page.

    Args:
        title: name of the data set.
        table: of :py:func:`comparison_table`.
        rows: the same as text, of :py:func:`table_rows`.
        further: of :py:func:`further_rows`.
        contrasts: of :py:func:`contrast_rows`.
        metrics: task to its metric.
        results: contents of the finished runs' result files, for their curves.
        missing: names of the runs that are not finished.
        unequal: of :py:func:`unequal_settings`.
        provenance: of the table.
        also: further tables, caption to rows; empty ones are left out.
    """
    return render_html(
        "comparison.html.j2",
        title=title,
        tables=_tables(rows, further, list(metrics)),
        seeds=max((len({r["seed"] for r in results if r["row"] == row["method"]}) for row in table), default=0),
        missing=list(missing),
        unequal=list(unequal),
        differences=[chart for task, metric in metrics.items() if (chart := _differences(table, task, metric))],
        contrasts=[_table(f"{task}, all pairs", pairs) for task, pairs in contrasts.items()],
        also=[table for caption, found in (also or {}).items() if found for table in _by_task(caption, found, metrics)],
        training=_training(results),
        provenance=flatten(dict(provenance)),
    )


def _tables(
    rows: Sequence[Mapping[str, str]], further: Sequence[Mapping[str, str]], tasks: Sequence[str]
) -> list[Table]:
    """One table a task, one over the tasks, one of the cost: all columns in one would be too wide to read."""
    if not rows:
        return []
    plain = [{name: cell for name, cell in row.items() if name not in _COST} for row in rows]
    cost = [{name: row[name] for name in ("method", *_COST)} for row in rows]
    *of_tasks, all_tasks = _by_task("Test cases", plain, tasks)
    return [*of_tasks, *_by_task("Further metrics", further, tasks), all_tasks, _table("Cost", cost)]


def _by_task(caption: str, rows: Sequence[Mapping[str, str]], tasks: Iterable[str]) -> list[Table]:
    """A table a task, of the columns that are named after it, and one of the others."""
    if not rows:
        return []
    first, *names = rows[0]
    groups = {f"{task}: ": [name for name in names if name.startswith(f"{task}: ")] for task in tasks}
    others = [name for name in names if not name.startswith(tuple(groups))]
    split = len(others) < len(names)
    tables = [
        _table(f"{caption}, {prefix[:-2]}", [{n.removeprefix(prefix): row[n] for n in (first, *group)} for row in rows])
        for prefix, group in groups.items()
        if group
    ]
    rest = [{name: row[name] for name in (first, *others)} for row in rows]
    return tables + ([_table(f"{caption}, all tasks" if split else caption, rest)] if others else [])


def _table(caption: str, rows: Sequence[Mapping[str, str]]) -> Table:
    """A table without the rows that have nothing in it, such as a baseline of the other task."""
    _, *names = rows[0]
    wrapped = [0, *(place for place, name in enumerate(names, start=1) if name.startswith(_LONG))]
    cells = [
        [Cell(_unbroken(cell) if place in wrapped[1:] else cell or NOTHING) for place, cell in enumerate(row.values())]
        for row in rows
        if any(row[name] for name in names)
    ]
    return Table(caption, list(rows[0]), cells, wrapped)


def _unbroken(cell: str) -> str:
    """A cell of several intervals, which a line may end between and not within."""
    return cell.replace(" [", "\N{NO-BREAK SPACE}[").replace(", ", ",\N{NO-BREAK SPACE}") or NOTHING


def _differences(table: Sequence[Mapping[str, Any]], task: str, metric: TaskMetric) -> Chart | None:
    found = [
        (method_title(row["method"]), row["tasks"][task]["paired"]) for row in table if row["tasks"][task]["paired"]
    ]
    if not found:
        return None

    def draw(axes: Axes, dark: bool) -> None:
        color = "#56b4e9" if dark else "#0072b2"
        for place, (_, paired) in enumerate(reversed(found)):
            axes.plot([paired["low"], paired["high"]], [place, place], color=color, linewidth=2.2)
            axes.plot(paired["mean"], place, marker="o", color=color)
        axes.axvline(0.0, color=str(axes.xaxis.label.get_color()), linewidth=1)
        axes.set_yticks(range(len(found)), [name for name, _ in reversed(found)])
        axes.set_ylim(-0.6, len(found) - 0.4)

    better = "right" if metric.higher_is_better else "left"
    said = "; ".join(f"{name} {p['mean']:+.3g} [{p['low']:+.3g}, {p['high']:+.3g}]" for name, p in found)
    return draw_chart(
        f"{task}: {metric.title}",
        f"Difference to STL in {metric.title}, better to the {better}: {said}.",
        f"Difference to STL in {metric.title} (better to the {better})",
        "",
        draw,
    )


def _training(results: Sequence[Mapping[str, Any]]) -> list[Chart]:
    """Validation metrics, and whatever the gradient handler logged, over the epochs."""
    charts = []
    for log, wanted in (("validation_log", lambda name: name not in ("epoch", "seconds")), ("training_log", _gradient)):
        columns = dict.fromkeys(name for r in results for name in r[log] if wanted(name))
        for column in columns:
            lines = _mean_lines(results, log, column)
            epochs = list(range(1, max(map(len, lines.values())) + 1))
            title = f"{'Validation' if log == 'validation_log' else 'Training'}: {column.replace('_', ' ')}"
            charts.append(line_chart(title, column.replace("_", " "), epochs, lines))
    return charts


def _gradient(name: str) -> bool:
    return name.startswith("gradient_")


def _mean_lines(results: Sequence[Mapping[str, Any]], log: str, column: str) -> dict[str, list[float]]:
    runs: dict[str, list[Sequence[float]]] = {}
    nan = float("nan")
    for result in results:
        if column in result[log]:
            values = [nan if value is None else value for value in result[log][column]]  # an epoch without the figure
            runs.setdefault(line_title(result["line"]), []).append(values)
    epochs = max(len(values) for group in runs.values() for values in group)
    lines = {name: [statistics.fmean(v) for v in zip(*group, strict=False)] for name, group in runs.items()}
    return {name: values + [nan] * (epochs - len(values)) for name, values in lines.items()}
