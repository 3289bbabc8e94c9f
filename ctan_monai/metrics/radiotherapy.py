# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""All metrics of radiotherapy patients, one flat row a patient, and their summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .dose_error import dose_mae_sets
from .openkbp import DVH_METRICS, dose_score, dvh_metrics
from .segmentation import segmentation_metrics

__all__ = ["RadiotherapyReference", "radiotherapy_metrics", "summarize"]

Row = dict[str, float | None]


@dataclass(frozen=True)
class RadiotherapyReference:
    """What a prediction for one patient is measured against; arrays (X, Y, Z) on the patient's own grid.

    Args:
        spacing: voxel size in mm along each axis.
        dose: planned dose in Gy.
        segmentation: integer label map.
        labels: label value by organ, for instance `{"brainstem": 1}`.
        body: voxels inside the patient.
        possible_dose_mask: voxels that can receive dose.
        structures: masks by name, for DVH metrics; those the patient has.
        dvh_metrics: by structure, which DVH metrics; OpenKBP's by default.
    """

    spacing: Sequence[float]
    dose: np.ndarray | None = None
    segmentation: np.ndarray | None = None
    labels: Mapping[str, int] = field(default_factory=dict)
    body: np.ndarray | None = None
    possible_dose_mask: np.ndarray | None = None
    structures: Mapping[str, np.ndarray] = field(default_factory=dict)
    dvh_metrics: Mapping[str, Sequence[str]] = field(default_factory=lambda: DVH_METRICS)


def radiotherapy_metrics(reference: RadiotherapyReference, prediction: Mapping[str, np.ndarray]) -> Row:
    """Metrics of one patient.

    Args:
        reference: the patient.
        prediction: `segmentation` (integer label map) and `dose` (Gy), (X, Y, Z); a task that is not predicted, or not
            in the reference, has no metrics in the row.

    Returns:
        A flat row. Segmentation: `dice` (mean over the patient's organs), `dice_<organ>` in %, `hd95_<organ>` in mm.
        Dose, all in Gy: `mae_<set>` for each of :data:`ctan_monai.metrics.VOXEL_SETS`; `dose_score`; for each structure
        and DVH metric `dvh_reference_<structure>_<metric>`, `dvh_predicted_...` and `dvh_error_...` (absolute); and
        `dvh_error`, their mean over this patient. Every patient has the same columns; None where a value does not
        exist (an organ the patient lacks, HD95 of a missed organ).
    """
    row: Row = {}
    if reference.segmentation is not None and "segmentation" in prediction:
        row |= segmentation_metrics(
            reference.segmentation, np.asarray(prediction["segmentation"]), reference.labels, reference.spacing
        )
    if reference.dose is not None and "dose" in prediction:
        row |= _dose_metrics(reference, reference.dose, np.asarray(prediction["dose"]))
    return row


def _dose_metrics(reference: RadiotherapyReference, dose: np.ndarray, predicted: np.ndarray) -> Row:
    mask = reference.possible_dose_mask
    row: Row = {f"mae_{name}": value for name, value in dose_mae_sets(dose, predicted, reference.body, mask).items()}
    row["dose_score"] = None if mask is None else dose_score(dose, predicted, mask)
    wanted = reference.dvh_metrics
    values = dvh_metrics(dose, reference.structures, reference.spacing, wanted)
    predictions = dvh_metrics(predicted, reference.structures, reference.spacing, wanted)
    errors = {cell: abs(value - predictions[cell]) for cell, value in values.items()}
    row["dvh_error"] = float(np.mean(list(errors.values()))) if errors else None
    for structure, metrics in wanted.items():
        for metric in metrics:
            cell = (structure, metric)
            row[f"dvh_reference_{structure}_{metric}"] = values.get(cell)
            row[f"dvh_predicted_{structure}_{metric}"] = predictions.get(cell)
            row[f"dvh_error_{structure}_{metric}"] = errors.get(cell)
    return row


def summarize(rows: Sequence[Row]) -> dict[str, Any]:
    """Summary of patients' rows.

    Args:
        rows: of :func:`radiotherapy_metrics`, one a patient.

    Returns:
        `patients`, their number; `dose_score` and `dvh_score` (Gy) as the challenge gives them: mean over patients, and
        mean over all present (patient, structure, metric) cells (None without dose, and without the challenge's
        possible-dose masks); `missed`, by organ the number of
        patients whose organ was not found (None in HD95 and counted as 0 in Dice); `metrics`, by column `mean`, `std`
        (of the sample; None for a single value) and `n`, the number of patients that have the value.

    Raises:
        ValueError: if there is no row.
    """
    if not rows:
        raise ValueError("There is no patient to summarize; check the data list's section.")
    columns = list(dict.fromkeys(name for row in rows for name in row))
    values = {name: [value for row in rows if (value := row.get(name)) is not None] for name in columns}
    cells = [value for name, column in values.items() if name.startswith("dvh_error_") for value in column]
    if "dose_score" in values and not values["dose_score"]:
        cells = []  # not the challenge's data: no score of the challenge; each patient's `dvh_error` remains
    organs = [name.removeprefix("dice_") for name in columns if name.startswith("dice_")]
    return {
        "patients": len(rows),
        "dose_score": float(np.mean(values["dose_score"])) if values.get("dose_score") else None,
        "dvh_score": float(np.mean(cells)) if cells else None,
        "missed": {organ: len(values[f"dice_{organ}"]) - len(values[f"hd95_{organ}"]) for organ in organs},
        "metrics": {
            name: {
                "mean": float(np.mean(column)) if column else None,
                "std": float(np.std(column, ddof=1)) if len(column) > 1 else None,
                "n": len(column),
            }
            for name, column in values.items()
        },
    }
