# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What the radiotherapy metrics are called, their units, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["DOSE_MEASURES", "Measure", "dose_error", "score_entry"]


@dataclass(frozen=True)
class Measure:
    """A dose error in Gy, for readers: its name in a summary, that of its column, and one line on what it means."""

    key: str
    title: str
    meaning: str


#: Dose errors, all lower is better.
DOSE_MEASURES = (
    Measure("mae_body", "MAE, body", "Mean absolute dose difference over the voxels inside the patient."),
    Measure(
        "mae_possible_dose_mask",
        "Dose score within the mask",
        "Mean absolute dose difference over the voxels that can receive dose: the dose score of a prediction set to 0 "
        "elsewhere, as the challenge's own model does before it is scored.",
    ),
    Measure(
        "mae_body_slices",
        "MAE, slices with body",
        "Mean absolute dose difference over whole axial slices that hold body; air lowers it.",
    ),
    Measure(
        "mae_whole_volume",
        "MAE, whole volume",
        "Mean absolute dose difference over all voxels of the image; mostly air without dose, so small for any method.",
    ),
    Measure(
        "dose_score",
        "Dose score",
        "OpenKBP challenge: sum of all absolute differences, also outside the possible-dose mask, over its voxels.",
    ),
    Measure(
        "dvh_score",
        "DVH score",
        "OpenKBP challenge: mean absolute difference of the dose-volume figures of organs and targets (table below).",
    ),
    Measure(
        "dvh_error",
        "DVH error",
        "Mean absolute difference of a patient's dose-volume figures (table below).",
    ),
)


def score_entry(summary: Mapping[str, Any], key: str) -> dict[str, Any]:
    """`mean`, `std` and `n` of a metric in a summary, as far as there are any.

    The DVH score is pooled over patients, so its spread is that of the patients' own DVH errors. Where there is one, it
    stands for these.
    """
    metrics: Mapping[str, dict[str, Any]] = summary["metrics"]
    if key == "dvh_error" and summary.get("dvh_score") is not None:
        return {}
    if key != "dvh_score":
        return metrics.get(key, {})
    return {**metrics.get("dvh_error", {}), "mean": summary.get("dvh_score")}


def dose_error(row: Mapping[str, Any]) -> tuple[str, float] | None:
    """The dose error that patients are compared by, in Gy, with its title; the first that the row has."""
    for key in ("dose_score", "mae_body", "mae_whole_volume"):
        if (value := row.get(key)) is not None:
            return ("dose score" if key == "dose_score" else "dose MAE"), float(value)
    return None
