# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Dose score and DVH score of the OpenKBP challenge.

Babier et al., "OpenKBP: The open-access knowledge-based planning grand challenge and dataset", Medical Physics 48(9),
5549-5561, 2021. Lower is better for both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ctan_monai.data.openkbp.patient import OARS, PTVS
from ctan_monai.inference.dose_volume import dose_volume_figure

from .checks import check_same_shape

__all__ = ["DVH_METRICS", "dose_score", "dvh_metrics", "dvh_score"]

#: The DVH metrics of each structure, in the order they are reported.
DVH_METRICS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(OARS, ("D_0.1_cc", "mean")),
    **dict.fromkeys(PTVS, ("D_99", "D_95", "D_1")),
}


def dose_score(reference: np.ndarray, prediction: np.ndarray, possible_dose_mask: np.ndarray) -> float:
    """Dose score of one patient; the challenge's score is its mean over patients.

    The sum of absolute differences over *all* voxels, divided by the number of voxels in the possible-dose mask: dose
    predicted outside the mask counts as error. The challenge's own model sets its prediction to 0 outside the mask
    before it is scored (``predict_dose`` of its public code); such a score is `mae_possible_dose_mask` of
    :func:`ctan_monai.metrics.radiotherapy_metrics`.

    Args:
        reference: dose in Gy, any shape.
        prediction: dose in Gy, same shape.
        possible_dose_mask: voxels that can receive dose, same shape.

    Returns:
        The score in Gy.

    Raises:
        ValueError: if the mask is empty, or shapes differ.
    """
    check_same_shape(reference, "reference dose", prediction=prediction, possible_dose_mask=possible_dose_mask)
    voxels = np.count_nonzero(possible_dose_mask)
    if not voxels:
        raise ValueError("The possible-dose mask holds no voxel, so the patient has no dose score; check its file.")
    difference = np.asarray(reference, dtype=np.float64) - np.asarray(prediction, dtype=np.float64)
    return float(np.abs(difference).sum() / voxels)


def dvh_metrics(
    dose: np.ndarray,
    structures: Mapping[str, np.ndarray],
    spacing: Sequence[float],
    wanted: Mapping[str, Sequence[str]] = DVH_METRICS,
) -> dict[tuple[str, str], float]:
    """DVH metrics of one patient, in Gy, see :py:func:`ctan_monai.inference.dose_volume_figure`.

    Organs at risk: mean dose and D_0.1_cc; where a structure is smaller than 0.1 cc, the challenge's own code stops
    with an error. Targets: D_99, D_95 and D_1.

    Args:
        dose: dose in Gy, any shape.
        structures: masks by name; names that are not wanted and structures without a voxel are left out.
        spacing: voxel size in mm along each axis.
        wanted: by structure the metrics; the challenge's by default.

    Returns:
        `{(structure, metric): Gy}` for the structures present.
    """
    metrics: dict[tuple[str, str], float] = {}
    for name, metric_names in wanted.items():
        if name not in structures:
            continue
        check_same_shape(dose, "dose", **{name: structures[name]})
        values = dose[np.asarray(structures[name], dtype=bool)]
        if values.size:
            metrics |= {(name, metric): dose_volume_figure(values, metric, spacing) for metric in metric_names}
    return metrics


def dvh_score(
    patients: Iterable[tuple[Mapping[tuple[str, str], float], Mapping[tuple[str, str], float]]],
) -> float | None:
    """DVH score: mean absolute difference over all present (patient, structure, metric) cells.

    Cells are pooled, so a patient with more structures weighs more.

    Args:
        patients: (reference, prediction) metrics of each patient, as :func:`dvh_metrics` gives them.

    Returns:
        The score in Gy; None if no patient has a structure.
    """
    errors = [abs(value - prediction[cell]) for reference, prediction in patients for cell, value in reference.items()]
    return float(np.mean(errors)) if errors else None
