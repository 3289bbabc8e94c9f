# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What a report on lesions says in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ctan_monai.reports.table import number

__all__ = ["case_facts", "key_figures", "limits", "summary_sentences"]

Summary = Mapping[str, Any]


def summary_sentences(summary: Summary) -> list[str]:
    """The result in a few sentences."""
    sentences, start = [], f"On {_images(summary['images'])}, "
    if (dice := summary["metrics"].get("dice")) is not None:
        missed = summary["missed"]
        sentences.append(
            f"{start}the mean Dice overlap of predicted and reference mask is {number(dice['mean'], 1)} % (Jaccard "
            f"{number(summary['metrics']['jaccard']['mean'], 1)} %); 100 % is a perfect match, 0 % none."
        )
        sentences.append(
            f"In {_images(missed)} no part of the lesion was found." if missed else "No lesion was missed."
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
    for key, title in (("dice", "Mean Dice"), ("jaccard", "Mean Jaccard")):
        if key in summary["metrics"]:
            figures.append((title, number(summary["metrics"][key]["mean"], 1), "%"))
    for key, title in (
        ("accuracy", "Accuracy"),
        ("balanced_accuracy", "Balanced accuracy"),
        ("macro_auroc", "Macro AUROC"),
    ):
        if summary["diagnosis"] is not None and summary["diagnosis"][key] is not None:
            figures.append((title, number(summary["diagnosis"][key], 1), "%"))
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
    summary: Summary, classes: Sequence[str], case_ids: set[str], baselines: Sequence[Mapping[str, Any]]
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
    for baseline in baselines:
        ids = baseline["case_ids"]
        if (ids is not None and ids != case_ids) or baseline["summary"]["images"] != summary["images"]:
            found.append(f"{baseline['name']} was measured on other images, so the comparison with it is only rough.")
    found.append("Images of one lesion are all in one section of the data, so none of these lesions was trained on.")
    return found


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"
