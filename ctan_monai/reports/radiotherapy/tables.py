# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of a radiotherapy report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ctan_monai.reports.baselines import comparison_table
from ctan_monai.reports.structures import display_name
from ctan_monai.reports.table import NOTHING, Table, marked, mean_std, number, table

from .measures import DOSE_MEASURES, dose_error, score_entry

__all__ = ["dose_table", "dvh_table", "methods_table", "organ_table", "patient_table"]

Summary = Mapping[str, Any]


def organ_table(summary: Summary, organs: Sequence[str]) -> Table | None:
    """Dice and HD95 of each organ; None without segmentation."""
    metrics, missed = summary["metrics"], summary["missed"]
    shown = [organ for organ in organs if metrics.get(f"dice_{organ}", {}).get("n")]
    if not shown:
        return None
    dice = [*(metrics[f"dice_{organ}"] for organ in shown), metrics["dice"]]
    columns = {
        "Organ": [*map(display_name, shown), "Mean over a patient's organs"],
        "Dice (%)": [mean_std(entry, 1) for entry in dice],
        "HD95 (mm)": [*(mean_std(metrics.get(f"hd95_{organ}"), 1) for organ in shown), NOTHING],
        "Patients with organ": [entry["n"] for entry in dice],
        "Missed": [*(missed[organ] for organ in shown), sum(missed.values())],
    }
    return table("Contours, by organ: mean ± standard deviation over patients", columns)


def dose_table(summary: Summary) -> Table | None:
    """Dose errors with their meaning; None without dose."""
    found = {m: entry for m in DOSE_MEASURES if (entry := score_entry(summary, m.key)).get("mean") is not None}
    columns = {
        "Measure": [measure.title for measure in found],
        "Error (Gy)": [mean_std(entry, 2) for entry in found.values()],
        "Patients": [entry.get("n", "") for entry in found.values()],
        "What it is": [measure.meaning for measure in found],
    }
    caption = "Dose errors, lower is better: mean ± standard deviation over patients"
    return table(caption, columns, text_columns=(0, 3))


def dvh_table(summary: Summary) -> Table | None:
    """Dose-volume figures of each structure; None if no patient has any."""
    metrics, start = summary["metrics"], "dvh_error_"
    names = {"D_0.1_cc": "D 0.1 cc", "mean": "mean", "D_99": "D99", "D_95": "D95", "D_1": "D1"}
    figures = {
        column.removeprefix(start): f"{display_name(column[len(start) : -len(metric) - 1])} {title}"
        for column, entry in metrics.items()
        for metric, title in names.items()
        if column.startswith(start) and column.endswith(f"_{metric}") and entry.get("n")
    }
    columns = {
        "Figure": list(figures.values()),
        "Reference (Gy)": [mean_std(metrics.get(f"dvh_reference_{figure}"), 1) for figure in figures],
        "Predicted (Gy)": [mean_std(metrics.get(f"dvh_predicted_{figure}"), 1) for figure in figures],
        "Absolute error (Gy)": [mean_std(metrics[start + figure], 1) for figure in figures],
        "Patients": [metrics[start + figure]["n"] for figure in figures],
    }
    return table("Dose-volume figures: mean ± standard deviation over patients", columns)


def methods_table(title: str, summary: Summary, baselines: Sequence[Mapping[str, Any]]) -> Table | None:
    """This evaluation and others side by side; None without others."""
    measures = {"Dice (%)": "dice", **{f"{m.title} (Gy)": m.key for m in DOSE_MEASURES}}
    return comparison_table(title, summary, baselines, "patients", measures, score_entry)


def patient_table(rows: Mapping[str, Mapping[str, Any]], organs: Sequence[str]) -> Table | None:
    """All patients, the worst first, the worst value of each column marked.

    Args:
        rows: metrics by case id.
        organs: in the order of their columns.
    """
    measures = {"Mean Dice (%)": "dice", **{f"{display_name(organ)} Dice (%)": f"dice_{organ}" for organ in organs}}
    measures |= {f"{m.title} (Gy)": m.key for m in DOSE_MEASURES if m.key != "dvh_score"}
    by_dice = any(row.get("dice") is not None for row in rows.values())

    def badness(case_id: str) -> float:
        row = rows[case_id]
        if by_dice:
            return -float("inf") if row.get("dice") is None else -float(row["dice"])
        error = dose_error(row)
        return -float("inf") if error is None else error[1]

    order = sorted(rows, key=badness, reverse=True)
    columns: dict[str, Sequence[Any]] = {"Patient": order}
    for header, key in measures.items():
        values = [rows[case_id].get(key) for case_id in order]
        if any(value is not None for value in values):
            percent = header.endswith("(%)")
            columns[header] = marked([number(v, 1 if percent else 2) for v in values], values, not percent, "worst")
    first = "mean Dice" if by_dice else "dose error"
    return table(f"Patients, the worst {first} first; the worst value of each column is marked", columns)
