# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The tables of a report on lesions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ctan_monai.reports.table import Cell, Table, mark_extreme, mean_std, number

__all__ = ["class_table", "lesion_comparison_table", "overlap_table", "worst_table"]

Summary = Mapping[str, Any]
_DIAGNOSIS = (
    ("Accuracy (%)", "accuracy"),
    ("Balanced accuracy (%)", "balanced_accuracy"),
    ("Macro AUROC (%)", "macro_auroc"),
)
_SHOWN = 30  # images in the table of the worst


def overlap_table(summary: Summary, rows: Mapping[str, Mapping[str, Any]], classes: Sequence[str]) -> Table | None:
    """Dice and Jaccard over all images and, where the diagnoses are known, by diagnosis; None without segmentation."""
    if "dice" not in summary["metrics"]:
        return None
    metrics = summary["metrics"]
    table = [[Cell("All images"), *(Cell(mean_std(metrics[m], 1)) for m in ("dice", "jaccard"))]]
    table[0].append(Cell(str(metrics["dice"]["n"])))
    for name in classes:
        found = [r for r in rows.values() if r.get("diagnosis") == name and r.get("dice") is not None]
        if found:
            values = [[float(row[m]) for row in found] for m in ("dice", "jaccard")]
            entries = [{"mean": np.mean(v), "std": np.std(v, ddof=1) if len(v) > 1 else None} for v in values]
            table.append([Cell(name), *(Cell(mean_std(entry, 1)) for entry in entries), Cell(str(len(found)))])
    caption = "Overlap on the original masks' grid: mean ± standard deviation over images"
    return Table(caption, ["Diagnosis", "Dice (%)", "Jaccard (%)", "Images"], table)


def class_table(summary: Summary, classes: Sequence[str]) -> Table | None:
    """Recall and AUROC of each diagnosis; None without that task."""
    diagnosis = summary["diagnosis"]
    if diagnosis is None:
        return None
    table = [
        [
            Cell(name),
            Cell(number(diagnosis["recall"][name], 1)),
            Cell(number(diagnosis["auroc"][name], 1)),
            Cell(str(diagnosis["images"][name])),
        ]
        for name in classes
    ]
    means = [Cell(number(diagnosis[key], 1)) for key in ("balanced_accuracy", "macro_auroc")]
    table.append([Cell("Mean over classes"), *means, Cell(str(sum(diagnosis["images"].values())))])
    return Table("Diagnoses", ["Diagnosis", "Recall (%)", "AUROC (%)", "Images"], table)


def lesion_comparison_table(title: str, summary: Summary, baselines: Sequence[Mapping[str, Any]]) -> Table | None:
    """This evaluation and others side by side, the best of each column marked; None without others."""
    if not baselines:
        return None
    methods = [(f"This evaluation ({title})", summary)] + [(b["name"], b["summary"]) for b in baselines]
    table = [[Cell(name), Cell(str(other["images"]))] for name, other in methods]
    columns = []
    for name, key in (("Dice (%)", "dice"), ("Jaccard (%)", "jaccard"), *_DIAGNOSIS):
        values = [_value(other, key) for _, other in methods]
        if all(value is None for value in values):
            continue
        cells = [Cell(number(value, 1)) for value in values]
        mark_extreme(cells, values, largest=True, mark="best")
        columns.append(name)
        for row, cell in zip(table, cells, strict=True):
            row.append(cell)
    return Table("Comparison; the best value of each column is marked", ["Method", "Images", *columns], table)


def worst_table(rows: Mapping[str, Mapping[str, Any]]) -> Table:
    """The images with the lowest Dice, or the lowest probability of the true diagnosis."""

    def goodness(case_id: str) -> float:
        row = rows[case_id]
        value = row.get("dice") if "dice" in row else row[f"p_{row['diagnosis']}"]
        return float("inf") if value is None else float(value)

    table = []
    for case_id in sorted(rows, key=goodness)[:_SHOWN]:
        row = rows[case_id]
        cells = [Cell(case_id)]
        if "dice" in row:
            cells += [Cell(number(row["dice"], 1)), Cell(number(row["jaccard"], 1))]
        if "predicted" in row:
            cells += [Cell(row["diagnosis"]), Cell(row["predicted"])]
            cells.append(Cell(number(row[f"p_{row['diagnosis']}"], 2)))
        table.append(cells)
    first = next(iter(rows.values()))
    columns = ["Image", *(("Dice (%)", "Jaccard (%)") if "dice" in first else ())]
    columns += ("True diagnosis", "Predicted", "Probability of the true one") if "predicted" in first else ()
    by = "Dice" if "dice" in first else "probability of the true diagnosis"
    return Table(f"The {len(table)} images with the lowest {by}, the lowest first", columns, table)


def _value(summary: Summary, key: str) -> float | None:
    if key in ("dice", "jaccard"):
        result: float | None = summary["metrics"].get(key, {}).get("mean")
        return result
    return (summary.get("diagnosis") or {}).get(key)
