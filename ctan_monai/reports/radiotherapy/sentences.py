# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What a radiotherapy report says in plain words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ctan_monai.reports.baselines import other_cases
from ctan_monai.reports.structures import display_name
from ctan_monai.reports.table import counted, number

from .measures import score_entry

__all__ = ["comparison_sentences", "key_figures", "limits", "summary_sentences"]

Summary = Mapping[str, Any]


def summary_sentences(summary: Summary, organs: Sequence[str]) -> list[str]:
    """The result in a few sentences."""
    metrics = summary["metrics"]
    sentences = []
    start = f"On {counted(summary['patients'], 'patient')}, "
    if (dice := score_entry(summary, "dice").get("mean")) is not None:
        means = {o: m["mean"] for o in organs if (m := metrics.get(f"dice_{o}", {})).get("mean") is not None}
        text = f"{start}the mean Dice overlap of predicted and reference contours is {number(dice, 1)} %"
        if len(means) > 1:
            best, worst = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
            text += (
                f", from {number(means[worst], 1)} % ({display_name(worst).lower()}) "
                f"to {number(means[best], 1)} % ({display_name(best).lower()})"
            )
        sentences.append(f"{text}. 100 % is a perfect match, 0 % none.")
        missed = {organ: count for organ, count in summary["missed"].items() if count}
        if missed:
            listed = ", ".join(
                f"{display_name(organ).lower()} in {counted(n, 'patient')}" for organ, n in missed.items()
            )
            sentences.append(f"Not found at all: {listed}.")
        else:
            sentences.append("No organ was left out altogether.")
        start = ""
    body, whole = (score_entry(summary, key).get("mean") for key in ("mae_body", "mae_whole_volume"))
    if whole is not None:
        inside = "" if body is None else f"{number(body, 2)} Gy inside the body and "
        text = f"{start}the predicted dose differs from the planned one on average by {inside}"
        text += f"{number(whole, 2)} Gy over the whole image"
        sentences.append(text[0].upper() + text[1:] + ".")
        named = {"dose_score": "dose score", "mae_possible_dose_mask": "dose score within the mask"}
        found = {name: score_entry(summary, key) for key, name in {**named, "dvh_score": "DVH score"}.items()}
        scores = [f"{name} is {number(e['mean'], 2)} Gy" for name, e in found.items() if e.get("mean") is not None]
        if scores:
            sentences.append(f"The OpenKBP challenge's {' and its '.join(scores)} (lower is better).")
        if (error := score_entry(summary, "dvh_error").get("mean")) is not None:
            sentences.append(f"Dose-volume figures differ by {number(error, 2)} Gy on average.")
    return sentences


def comparison_sentences(summary: Summary, baselines: Sequence[Mapping[str, Any]]) -> list[str]:
    """How the result stands against each baseline, in one sentence each."""
    sentences = []
    for baseline in baselines:
        parts = []
        for key, title, unit, digits in (("dice", "Dice", "points", 1), ("dose_score", "dose score", "Gy", 2)):
            own, other = (score_entry(s, key).get("mean") for s in (summary, baseline["summary"]))
            if own is None or other is None:
                continue
            better = own - other if key == "dice" else other - own
            word = "better" if better > 0 else "worse"
            parts.append(f"{title} is {number(abs(better), digits)} {unit} {word}")
        if parts:
            sentences.append(f"Compared with “{baseline['name']}”, the {' and the '.join(parts)}.")
    return sentences


def key_figures(summary: Summary) -> list[tuple[str, str, str]]:
    """The figures at the head of the page: title, number, unit."""
    shown = {
        "dice": "Mean Dice",
        "mae_body": "Dose MAE, body",
        "mae_whole_volume": "Dose MAE, whole volume",
        "dose_score": "Dose score",
        "mae_possible_dose_mask": "Dose score within the mask",
        "dvh_score": "DVH score",
        "dvh_error": "DVH error",
    }
    values = {key: value for key in shown if (value := score_entry(summary, key).get("mean")) is not None}
    units = {key: ("%", 1) if key == "dice" else ("Gy", 2) for key in values}
    figures = [(shown[key], number(value, units[key][1]), units[key][0]) for key, value in values.items()]
    return [("Patients", str(summary["patients"]), ""), *figures]


def limits(
    summary: Summary, organs: Sequence[str], case_ids: Collection[str], baselines: Sequence[Mapping[str, Any]]
) -> list[str]:
    """What the figures do not say."""
    count, metrics = summary["patients"], summary["metrics"]
    found = []
    if count < 30:
        found.append(f"{counted(count, 'patient')} are few: the means would be somewhat different on others.")
    found.append("± is the standard deviation between patients, not the uncertainty of the mean.")
    lacking = {o: count - n for o in organs if (n := metrics.get(f"dice_{o}", {}).get("n")) and n < count}
    if lacking:
        listed = ", ".join(f"{display_name(organ).lower()} in {n}" for organ, n in lacking.items())
        found.append(
            f"Some patients lack a reference contour ({listed} of {count}); an organ's figures cover the others."
        )
    if "dice" in metrics:
        found.append(
            "HD95 cannot be measured where an organ was missed and leaves those patients out; Dice counts them as 0."
        )
        found.append("Reference contours are drawn by people, whose contours of one organ differ from each other.")
    if "mae_whole_volume" in metrics:
        found.append("A predicted dose is not a plan: nothing here shows that a machine could deliver it.")
    found += other_cases(baselines, case_ids, "patients")
    found.append("Pictures show one slice of each plane; the tables cover whole volumes.")
    return found
