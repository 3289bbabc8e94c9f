# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Tables and plain words of a report on lesions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from ctan_monai.reports.baselines import other_cases
from ctan_monai.reports.table import Table, counted, mean_std, number, table

__all__ = [
    "MEASURES",
    "case_facts",
    "class_table",
    "key_figures",
    "limits",
    "overlap_table",
    "summary_sentences",
    "value_entry",
    "worst_table",
]

Summary = Mapping[str, Any]
MEASURES = {
    "Dice (%)": "dice",
    "Jaccard (%)": "jaccard",
    "Accuracy (%)": "accuracy",
    "Balanced accuracy (%)": "balanced_accuracy",
    "Macro AUROC (%)": "macro_auroc",
}
_SHOWN = 30  # images in the table of the worst


def value_entry(summary: Summary, key: str) -> dict[str, Any]:
    """`mean` of one of the :data:`MEASURES` in a summary, as far as there is one."""
    if key in ("dice", "jaccard"):
        return {"mean": summary["metrics"].get(key, {}).get("mean")}
    return {"mean": (summary.get("diagnosis") or {}).get(key)}


def overlap_table(summary: Summary, rows: Mapping[str, Mapping[str, Any]], classes: Sequence[str]) -> Table | None:
    """Dice and Jaccard over all images and, where the diagnoses are known, by diagnosis; None without segmentation."""
    if "dice" not in (metrics := summary["metrics"]):
        return None
    measured = [row for row in rows.values() if row.get("dice") is not None]
    groups = {name: found for name in classes if (found := [r for r in measured if r.get("diagnosis") == name])}

    def column(metric: str) -> list[str]:
        values = [[float(row[metric]) for row in found] for found in groups.values()]
        entries = [{"mean": np.mean(v), "std": np.std(v, ddof=1) if len(v) > 1 else None} for v in values]
        return [mean_std(entry, 1) for entry in (metrics[metric], *entries)]

    columns = {
        "Diagnosis": ["All images", *groups],
        "Dice (%)": column("dice"),
        "Jaccard (%)": column("jaccard"),
        "Images": [metrics["dice"]["n"], *map(len, groups.values())],
    }
    return table("Overlap on the original masks' grid: mean ± standard deviation over images", columns)


def class_table(summary: Summary, classes: Sequence[str]) -> Table | None:
    """Recall and AUROC of each diagnosis; None without that task."""
    if (found := summary["diagnosis"]) is None:
        return None
    columns = {
        "Diagnosis": [*classes, "Mean over classes"],
        "Recall (%)": [number(v, 1) for v in (*(found["recall"][c] for c in classes), found["balanced_accuracy"])],
        "AUROC (%)": [number(v, 1) for v in (*(found["auroc"][c] for c in classes), found["macro_auroc"])],
        "Images": [*(found["images"][c] for c in classes), sum(found["images"].values())],
    }
    return table("Diagnoses", columns)


def worst_table(rows: Mapping[str, Mapping[str, Any]]) -> Table | None:
    """The images with the lowest Dice, or the lowest probability of the true diagnosis."""
    first = next(iter(rows.values()))

    def true_probability(row: Mapping[str, Any]) -> float:
        return float(row[f"p_{row['diagnosis']}"])

    def goodness(case_id: str) -> float:
        value = rows[case_id]["dice"] if "dice" in first else true_probability(rows[case_id])
        return float("inf") if value is None else float(value)

    order = sorted(rows, key=goodness)[:_SHOWN]
    shown = [rows[case_id] for case_id in order]
    columns: dict[str, list[str]] = {"Image": order}
    if "dice" in first:
        columns |= {name: [number(row[key], 1) for row in shown] for name, key in list(MEASURES.items())[:2]}
    if "predicted" in first:
        columns["True diagnosis"] = [row["diagnosis"] for row in shown]
        columns["Predicted"] = [row["predicted"] for row in shown]
        columns["Probability of the true one"] = [number(true_probability(row), 2) for row in shown]
    by = "Dice" if "dice" in first else "probability of the true diagnosis"
    return table(f"The {len(order)} images with the lowest {by}, the lowest first", columns)


def summary_sentences(summary: Summary) -> list[str]:
    """The result in a few sentences."""
    sentences, start = [], f"On {counted(summary['images'], 'image')}, "
    if (dice := summary["metrics"].get("dice")) is not None:
        missed = summary["missed"]
        sentences.append(
            f"{start}the mean Dice overlap of predicted and reference mask is {number(dice['mean'], 1)} % (Jaccard "
            f"{number(summary['metrics']['jaccard']['mean'], 1)} %); 100 % is a perfect match, 0 % none."
        )
        sentences.append(
            f"In {counted(missed, 'image')} no part of the lesion was found." if missed else "No lesion was missed."
        )
        start = ""
    if (diagnosis := summary["diagnosis"]) is not None:
        most = max(diagnosis["images"], key=diagnosis["images"].__getitem__)
        share = 100 * diagnosis["images"][most] / sum(diagnosis["images"].values())
        text = (
            f"{start}the diagnosis is right in {number(diagnosis['accuracy'], 1)} % of the images; always saying "
            f"“{most}” would be right in {number(share, 1)} %."
        )
        sentences.append(text[0].upper() + text[1:])
        sentences.append(
            f"The balanced accuracy, the mean over the diagnoses of the share that is recognized, is "
            f"{number(diagnosis['balanced_accuracy'], 1)} %."
        )
    return sentences


def key_figures(summary: Summary) -> list[tuple[str, str, str]]:
    """The figures at the head of the page: title, number, unit."""
    figures = [("Images", str(summary["images"]), "")]
    for header, key in MEASURES.items():
        if (value := value_entry(summary, key)["mean"]) is not None:
            title = header.removesuffix(" (%)")
            figures.append((f"Mean {title}" if key in ("dice", "jaccard") else title, number(value, 1), "%"))
    return figures


def case_facts(row: Mapping[str, Any]) -> str:
    """An image's result in a line."""
    facts = []
    if row.get("dice") is not None:
        facts.append(f"Dice {number(row['dice'], 1)} %")
    if "predicted" in row:
        facts.append(
            f"true {row['diagnosis']}, predicted {row['predicted']} ({number(row['p_' + row['predicted']], 2)})"
        )
    return "; ".join(facts)


def limits(
    summary: Summary, classes: Sequence[str], case_ids: Collection[str], baselines: Sequence[Mapping[str, Any]]
) -> list[str]:
    """What the figures do not say."""
    found = ["± is the standard deviation between images, not the uncertainty of the mean."]
    if (diagnosis := summary["diagnosis"]) is not None:
        absent = [name for name in classes if not diagnosis["images"][name]]
        few = [f"{name} ({n})" for name in classes if 0 < (n := diagnosis["images"][name]) < 30]
        if absent:
            found.append(f"No image shows {', '.join(absent)}: the means over classes leave these out.")
        if few:
            found.append(f"Few images show {', '.join(few)}: their figures would be somewhat different on others.")
        found.append("The probabilities are those of these images, where the diagnoses are as frequent as here.")
    if "dice" in summary["metrics"]:
        found.append("Reference masks are drawn by people, whose outlines of one lesion differ from each other.")
    found += other_cases(baselines, case_ids, "images")
    found.append("Images of one lesion are all in one section of the data, so none of these lesions was trained on.")
    return found
