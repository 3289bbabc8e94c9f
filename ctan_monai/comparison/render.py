# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ctan_monai.metrics import TaskMetric

from .paper import paper_rows
from .table import BASELINE

# p is of the trained networks alone; the interval also has the seeds, which can reverse a difference that p calls clear
_DIFFERENCE = "[95 % interval], p of these networks"
_PARTS = {
    "stage4": "all of stage 4",
    **{f"masks{j}": f"masks of stage {j}" for j in range(1, 5)},
    "ctab": "CTAB's output",
    "equation2": "equation 2's term, set to 0",
    "equation2_mean": "equation 2's term, set to its mean",
    "other_task": "the other task in equation 2",
}


def table_rows(
    table: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, TaskMetric],
    reference: str | None = None,
    baselines: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, str]]:
    """The comparison as text, one dictionary a row, the column's heading to the cell.

    Args:
        table: of :py:func:`ctan_monai.comparison.comparison_table`.
        metrics: task to its metric.
        reference: a data set of the paper's Table 2 whose numbers stand beside ours; None: leave them out.
        baselines: of :py:func:`ctan_monai.comparison.compare_baselines`; they get a row each below the methods.
    """
    paper = {(r["method"], r["task"]): r for r in paper_rows(reference)} if reference else {}
    rows = []
    for row in table:
        cells = {"method": method_title(row["method"])}
        method = row["method"].rpartition("_")[0] or row["method"]  # without the weighting
        for task, metric in metrics.items():
            found = row["tasks"][task]
            heading = f"{task}: {metric.title}"
            cells[heading] = _value(found["mean"], found["std"], metric.digits)
            cells[f"{task}: relative to STL (%)"] = _signed(found["difference"])
            cells[f"{task}: difference to STL {_DIFFERENCE}"] = _interval(found["paired"], metric.digits)
            if paper:
                cells[f"{task}: paper"] = _paper(paper.get((method, task)))
        cells["mean relative (%)"] = _signed(row["mean_difference"])
        cells[f"mean relative: {_DIFFERENCE}"] = _interval(row["relative"])
        cells["mean relative, one case left out"] = _range(row["leave_one_out"])
        if paper:
            cells["paper: mean relative (%)"] = _signed(
                next((r["mean_difference"] for k, r in paper.items() if k[0] == method), None)
            )
        cells["rank"] = "" if row["rank"] is None else str(row["rank"])
        cells["seeds"] = str(max(len(row["tasks"][task]["seeds"]) for task in metrics))
        cells["parameters (million)"] = f"{row['parameters_million']:.1f}"
        cells["training (s an epoch)"] = f"{row['training_seconds']:.0f}"
        cells["validation (s a pass)"] = f"{row['validation_seconds']:.0f}"
        rows.append(cells)
    return rows + [_of_baseline(rows[0], baseline, metrics) for baseline in baselines if rows]


def further_rows(
    table: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, TaskMetric],
    baselines: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, str]]:
    """The metrics that are stated without comparing them, as :py:func:`table_rows`; empty where there are none.

    Args:
        table: of :py:func:`ctan_monai.comparison.comparison_table`.
        metrics: task to its metric.
        baselines: of :py:func:`ctan_monai.comparison.compare_baselines`.
    """
    if not any(metric.also for metric in metrics.values()):
        return []
    rows = [
        {
            "method": method_title(row["method"]),
            **{
                f"{task}: {title}": _value(found["mean"], found["std"])
                for task in metrics
                for title, found in row["tasks"][task]["also"].items()
            },
        }
        for row in table
    ]
    return rows + [_of_baseline(rows[0], baseline, metrics) for baseline in baselines if rows]


def _of_baseline(
    columns: Iterable[str], baseline: Mapping[str, Any], metrics: Mapping[str, TaskMetric]
) -> dict[str, str]:
    """A trivial baseline's row: its values, and its difference to STL as the methods' are stated."""
    cells = {"method": baseline["name"]}
    for task, found in baseline["tasks"].items():
        metric = metrics[task]
        cells[f"{task}: {metric.title}"] = _value(found["mean"], None, metric.digits)
        stl = found["differences"].get(BASELINE)  # STL minus baseline
        turned = stl and {"mean": -stl["mean"], "low": -stl["high"], "high": -stl["low"], "p": stl["p"]}
        cells[f"{task}: difference to STL {_DIFFERENCE}"] = _interval(turned, metric.digits)
        cells |= {f"{task}: {title}": _value(value, None) for title, value in found["also"].items()}
    return {column: cells.get(column, "") for column in columns}


def complete_rows(table: Sequence[Mapping[str, Any]], metrics: Mapping[str, TaskMetric]) -> list[dict[str, str]]:
    """The results on complete cases as text: values and differences, without cost and rank.

    Args:
        table: of :py:func:`ctan_monai.comparison.comparison_table`, of :py:func:`complete_results`.
        metrics: task to its metric.
    """
    wanted = ("method", "mean relative (%)", f"mean relative: {_DIFFERENCE}", "seeds")
    starts = tuple(f"{task}: " for task in metrics)
    return [
        {name: cell for name, cell in row.items() if name in wanted or name.startswith(starts)}
        for row in table_rows(table, metrics)
    ]


def contrast_rows(
    contrasts: Sequence[Mapping[str, Any]], metrics: Mapping[str, TaskMetric]
) -> dict[str, list[dict[str, str]]]:
    """The differences between all pairs of methods as text: task to rows of column heading to cell.

    Args:
        contrasts: of :py:func:`ctan_monai.comparison.all_contrasts`.
        metrics: task to its metric.
    """
    rows: dict[str, list[dict[str, str]]] = {}
    for found in contrasts:
        title = metrics[found["task"]].title
        rows.setdefault(found["task"], []).append(
            {
                "pair": f"{method_title(found['method'])} - {method_title(found['other'])}",
                f"difference in {title} [95 % interval]": (
                    f"{found['mean']:+.3g} [{found['low']:+.3g}, {found['high']:+.3g}]"
                ),
                "p of these networks": f"{found['p']:.3g}",
                "Holm's p of these networks": f"{found['p_holm']:.3g}",
                "smallest effect found in 4 of 5 such tests": f"{found['detectable']:.3g}",
                "units": str(found["units"]),
                "seeds": " and ".join(map(str, found["seeds"])),
            }
        )
    return rows


def baseline_rows(baselines: Sequence[Mapping[str, Any]], metrics: Mapping[str, TaskMetric]) -> list[dict[str, str]]:
    """How each method differs from each trivial baseline, as text.

    Args:
        baselines: of :py:func:`ctan_monai.comparison.compare_baselines`.
        metrics: task to its metric.
    """
    rows = []
    for baseline in baselines:
        found = {task: content["differences"] for task, content in baseline["tasks"].items()}
        for method in dict.fromkeys(method for differences in found.values() for method in differences):
            cells = {"method - trivial baseline": f"{method_title(method)} - {baseline['name']}"}
            for task, metric in metrics.items():
                difference = found.get(task, {}).get(method)
                cells[f"difference in {metric.title} {_DIFFERENCE}"] = _interval(difference, metric.digits)
            rows.append(cells)
    return rows


def part_rows(parts: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What each part of the networks is worth, as text.

    Args:
        parts: of :py:func:`ctan_monai.comparison.compare_parts`.
    """

    def thousandths(value: float | None) -> str:
        return "" if value is None else f"{1000 * value:+.1f}"

    def one(loss: float, interval: Sequence[float] | None) -> str:
        return thousandths(loss) + ("" if interval is None else f" [{', '.join(map(thousandths, interval))}]")

    return [
        {
            "method": line_title(part["line"]),
            "part": _PARTS.get(part["part"], part["part"]),
            "loss of validation score (thousandths)": thousandths(part["loss"]),
            "by seed [95 % interval]": "; ".join(map(one, part["losses"], part["intervals"])),
            "standard deviation of the score over seeds": thousandths(part["score_std"]).lstrip("+"),
            "needed": {True: "yes", False: "no", None: ""}[part["needed"]],
        }
        for part in parts
    ]


def line_title(name: str) -> str:
    """A run's name as it is printed; STL has a line a task: "STL dose"."""
    method, _, task = name.partition(" ")
    return f"{method_title(method)} {task}".strip()


def markdown_table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows of :py:func:`table_rows` as a Markdown table."""
    if not rows:
        return ""
    columns = list(rows[0])
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(row[column] for column in columns) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def method_title(name: str) -> str:
    """A row's name as it is printed: "STL", "CTAN (dwa)", "CTAN without ctab (dwa)"."""
    if "_" not in name:
        return name.upper()
    method, _, weighting = name.rpartition("_")
    network, _, change = method.partition("_")
    return f"{network.upper()} {change.replace('_', ' ')}".strip() + f" ({weighting})"


def _value(mean: float | None, std: float | None, digits: int = 2) -> str:
    if mean is None:
        return ""
    return f"{mean:.{digits}f}" if std is None else f"{mean:.{digits}f} ± {std:.{digits}f}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{round(value, 2) + 0.0:+.2f}"  # + 0.0: no minus before zero


def _interval(paired: Mapping[str, Any] | None, digits: int = 2) -> str:
    if paired is None:
        return ""
    mean, low, high = (f"{paired[key]:+.{digits}f}" for key in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}], {_p(paired['p'])}"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.2f}" if value >= 0.1 else f"p = {value:.3f}"


def _range(found: Mapping[str, tuple[str, float]] | None) -> str:
    if found is None:
        return ""
    (low_case, low), (high_case, high) = found["low"], found["high"]
    return f"{low:+.2f} (without {low_case}) to {high:+.2f} (without {high_case})"


def _paper(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    return f"{row['value']:.2f}" if row["difference"] is None else f"{row['value']:.2f} ({row['difference']:+.2f} %)"
