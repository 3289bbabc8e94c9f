# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A patient on the page of a radiotherapy report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ctan_monai.metrics import RadiotherapyReference
from ctan_monai.reports.charts import Chart
from ctan_monai.reports.select_cases import choose_cases
from ctan_monai.reports.structures import display_name
from ctan_monai.reports.table import number

from .dvh_chart import DVHCurves, dvh_charts
from .measures import dose_error
from .pictures import case_png
from .planes import CaseViews

__all__ = ["ShownCase", "missing_notes", "shown_case", "shown_places"]


@dataclass(frozen=True)
class ShownCase:
    """A patient as the template shows it.

    Args:
        case_id: the patient's name.
        why: its place among the patients, and its figures.
        alt: what the picture shows, for those who cannot see it.
        picture: PNG file.
        charts: dose-volume histograms.
        notes: sentences on what is missing.
    """

    case_id: str
    why: str
    alt: str
    picture: bytes
    charts: list[Chart]
    notes: list[str]


def shown_places(rows: Mapping[str, Mapping[str, Any]], count: int) -> dict[str, list[str]]:
    """Patients to show, from the best, and why.

    Args:
        rows: metrics by case id.
        count: of patients for each task.

    Returns:
        Places by case id, for instance `["best Dice", "median dose"]`.
    """
    dice = {c: float(row["dice"]) for c, row in rows.items() if row.get("dice") is not None}
    errors = {c: error[1] for c, row in rows.items() if (error := dose_error(row)) is not None}
    places: dict[str, list[str]] = {}
    for values, task in ((dice, "Dice"), (errors, "dose")):
        for case_id, place in choose_cases(values, count, higher_is_better=task == "Dice").items():
            places.setdefault(case_id, []).append(f"{place} {task}")
    return places


def missing_notes(
    reference: RadiotherapyReference, prediction: Mapping[str, np.ndarray], labels: Mapping[int, str]
) -> list[str]:
    """What a reader would look for in vain in a patient's pictures: organs without contour, and organs missed."""
    if reference.segmentation is None or "segmentation" not in prediction:
        return []
    true, predicted = (set(np.unique(a).tolist()) for a in (reference.segmentation, prediction["segmentation"]))
    names = {label: display_name(organ).lower() for label, organ in labels.items()}
    lacking = [name for label, name in names.items() if label not in true]
    missed = [name for label, name in names.items() if label in true and label not in predicted]
    notes = [f"No reference contour: {', '.join(lacking)}."] if lacking else []
    return notes + ([f"Missed by the prediction: {', '.join(missed)}."] if missed else [])


def shown_case(
    case_id: str,
    places: Sequence[str],
    row: Mapping[str, Any],
    views: CaseViews,
    curves: DVHCurves | None,
    labels: Mapping[int, str],
    notes: list[str],
) -> ShownCase:
    """Draw a patient.

    Args:
        case_id: the patient's name.
        places: of :func:`shown_places`.
        row: the patient's metrics.
        views: the patient's slices.
        curves: dose-volume histograms, None without a predicted dose.
        labels: organ by label value.
        notes: of :func:`missing_notes`.
    """
    facts = [f"mean Dice {number(row['dice'], 1)} %"] if row.get("dice") is not None else []
    if (error := dose_error(row)) is not None:
        facts.append(f"{error[0]} {number(error[1], 2)} Gy")
    place = ", ".join(places)
    return ShownCase(
        case_id=case_id,
        why=f"{place[0].upper()}{place[1:]}: {', '.join(facts)}.",
        alt=(
            f"CT of {case_id} in axial, coronal and sagittal planes with contours and dose; columns: reference, "
            f"prediction, difference. {', '.join(facts)}."
        ),
        picture=case_png(views, labels),
        charts=[] if curves is None else dvh_charts(curves),
        notes=notes,
    )
