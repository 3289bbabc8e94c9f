# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of a radiotherapy report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ctan_monai.reports.structures import display_name
from ctan_monai.reports.table import Cell, Table, mark_extreme, mean_std, number

from .measures import DOSE_MEASURES, dose_error, score_entry

__all__ = ["comparison_table", "dose_table", "dvh_table", "organ_table", "patient_table"]

Summary = Mapping[str, Any]


def organ_table(summary: Summary, organs: Sequence[str]) -> Table | None:
    """Dice and HD95 of each organ; None without segmentation."""
    metrics = summary["metrics"]
    rows = [
        [
            Cell(display_name(organ)),
            Cell(mean_std(metrics[f"dice_{organ}"], 1)),
            Cell(mean_std(metrics.get(f"hd95_{organ}"), 1)),
            Cell(str(metrics[f"dice_{organ}"]["n"])),
            Cell(str(summary["missed"][organ])),
        ]
        for organ in organs
        if metrics.get(f"dice_{organ}", {}).get("n")
    ]
    if not rows:
        return None
    missed = sum(summary["missed"].values())
    rows.append(
        [
            Cell("Mean over a patient's organs"),
            Cell(mean_std(metrics["dice"], 1)),
            Cell("–"),
            Cell(str(metrics["dice"]["n"])),
            Cell(str(missed)),
        ]
    )
    columns = ["Organ", "Dice (%)", "HD95 (mm)", "Patients with organ", "Missed"]
    return Table("Contours, by organ: mean ± standard deviation over patients", columns, rows)


def dose_table(summary: Summary) -> Table | None:
    """Dose errors with their meaning; None without dose."""
    rows = [
        [Cell(measure.title), Cell(mean_std(entry, 2)), Cell(str(entry.get("n", ""))), Cell(measure.meaning)]
        for measure in DOSE_MEASURES
        if (entry := score_entry(summary, measure.key)).get("mean") is not None
    ]
    columns = ["Measure", "Error (Gy)", "Patients", "What it is"]
    caption = "Dose errors, lower is better: mean ± standard deviation over patients"
    return Table(caption, columns, rows, text_columns=(0, 3)) if rows else None


def dvh_table(summary: Summary) -> Table | None:
    """Dose-volume figures of each structure; None if no patient has any."""
    metrics = summary["metrics"]
    names = {"D_0.1_cc": "D 0.1 cc", "mean": "mean", "D_99": "D99", "D_95": "D95", "D_1": "D1"}
    figures = [
        (column.removeprefix("dvh_error_").removesuffix(f"_{metric}"), metric)
        for column in metrics
        for metric in names
        if column.startswith("dvh_error_") and column.endswith(f"_{metric}")
    ]
    rows = [
        [
            Cell(f"{display_name(structure)} {names[metric]}"),
            Cell(mean_std(metrics.get(f"dvh_reference_{structure}_{metric}"), 1)),
            Cell(mean_std(metrics.get(f"dvh_predicted_{structure}_{metric}"), 1)),
            Cell(mean_std(error, 1)),
            Cell(str(error["n"])),
        ]
        for structure, metric in figures
        if (error := metrics.get(f"dvh_error_{structure}_{metric}", {})).get("n")
    ]
    columns = ["Figure", "Reference (Gy)", "Predicted (Gy)", "Absolute error (Gy)", "Patients"]
    return Table("Dose-volume figures: mean ± standard deviation over patients", columns, rows) if rows else None


def comparison_table(title: str, summary: Summary, baselines: Sequence[Mapping[str, Any]]) -> Table | None:
    """This evaluation and others side by side, the best of each column marked; None without others."""
    if not baselines:
        return None
    methods = [(f"This evaluation ({title})", summary)] + [
        (baseline["name"], baseline["summary"]) for baseline in baselines
    ]
    columns = [("Dice (%)", "dice", 1), *((f"{m.title} (Gy)", m.key, 2) for m in DOSE_MEASURES)]
    entries = {key: [score_entry(other, key) for _, other in methods] for _, key, _ in columns}
    columns = [column for column in columns if any(entry.get("mean") is not None for entry in entries[column[1]])]
    table = [[Cell(name), Cell(str(other["patients"]))] for name, other in methods]
    for _, key, digits in columns:
        cells = [Cell(mean_std(entry, digits)) for entry in entries[key]]
        mark_extreme(cells, [entry.get("mean") for entry in entries[key]], largest=key == "dice", mark="best")
        for row, cell in zip(table, cells, strict=True):
            row.append(cell)
    caption = "Comparison; the best value of each column is marked"
    return Table(caption, ["Method", "Patients", *(column[0] for column in columns)], table)


def patient_table(rows: Mapping[str, Mapping[str, Any]], organs: Sequence[str]) -> Table:
    """All patients, the worst first, the worst value of each column marked.

    Args:
        rows: metrics by case id.
        organs: in the order of their columns.
    """
    columns = [("Mean Dice (%)", "dice", 1)] + [(f"{display_name(o)} Dice (%)", f"dice_{o}", 1) for o in organs]
    columns += [(f"{m.title} (Gy)", m.key, 2) for m in DOSE_MEASURES if not m.key.startswith("dvh")]
    columns.append(("DVH error (Gy)", "dvh_error", 2))
    columns = [column for column in columns if any(row.get(column[1]) is not None for row in rows.values())]
    by_dice = any(row.get("dice") is not None for row in rows.values())

    def badness(case_id: str) -> float:
        row = rows[case_id]
        if by_dice:
            return -float("inf") if row.get("dice") is None else -float(row["dice"])
        error = dose_error(row)
        return -float("inf") if error is None else error[1]

    order = sorted(rows, key=badness, reverse=True)
    table = [[Cell(case_id)] for case_id in order]
    for _, key, digits in columns:
        values = [rows[case_id].get(key) for case_id in order]
        cells = [Cell(number(value, digits)) for value in values]
        mark_extreme(cells, values, largest=not key.startswith("dice"), mark="worst")
        for row, cell in zip(table, cells, strict=True):
            row.append(cell)
    first = "mean Dice" if by_dice else "dose error"
    caption = f"Patients, the worst {first} first; the worst value of each column is marked"
    return Table(caption, ["Patient", *(column[0] for column in columns)], table)
