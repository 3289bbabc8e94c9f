# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Dose score and DVH score of predicted doses, as the OpenKBP challenge computes them (Gy, lower is better)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ctan_monai.data.openkbp.patient import SHAPE, read_patient
from ctan_monai.data.openkbp.sparse_csv import read_prediction_csv
from ctan_monai.metrics import dose_score, dvh_metrics, dvh_score
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.limits import MOST_GY

__all__ = ["find_patients", "read_prediction", "score"]


def find_patients(reference: Path, prediction: Path) -> list[str]:
    """Names of the patients, after checking that the two folders belong together.

    Raises:
        DataError: a folder is missing or empty, a patient has no prediction, or a file belongs to no patient.
    """
    for folder, what in ((reference, "patients' folders pt_N"), (prediction, "files pt_N.csv")):
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder, expected one with {what}.")
    # hidden files (.DS_Store) are not the user's
    folders = {entry.name for entry in reference.iterdir() if entry.is_dir() and entry.name.startswith("pt_")}
    files = {entry.name for entry in prediction.iterdir() if not entry.name.startswith(".")}
    if not folders:
        raise DataError(f"{reference}: holds no patient's folder pt_N; give the split's folder, e.g. test-pats.")
    if not files:
        raise DataError(f"{prediction}: empty, expected {len(folders)} files pt_N.csv.")
    extra = sorted(files - {f"{name}.csv" for name in folders})
    if extra:
        raise DataError(
            f"{prediction}: holds {_list(extra)}, which belongs to no patient of {reference}; "
            "remove it, or give the reference folder of the same split."
        )
    missing = sorted(folders - {name.removesuffix(".csv") for name in files})
    if missing:
        raise DataError(f"{prediction}: lacks the prediction of {_list([f'{name}.csv' for name in missing])}.")
    return sorted(folders, key=lambda name: (len(name), name))


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def read_prediction(path: Path) -> np.ndarray:
    """A submission's dose in Gy, official axes; also negative values, which the challenge scores as they are."""
    indices, values, ended = read_prediction_csv(path, int(np.prod(SHAPE)))
    if not ended:
        print(f"{path}: the last row has no line break; read as whole, as the challenge does.", file=sys.stderr)
    if (most := np.abs(values).max(initial=0)) > MOST_GY:
        raise DataError(f"{path}: holds the value {most:g}, expected Gy, at most {MOST_GY:,}. Predict again.")
    dose = np.zeros(SHAPE)
    dose.reshape(-1)[indices] = values
    return dose


def score(reference: Path, prediction: Path) -> dict[str, float | int | None]:
    """Scores a folder of predictions; prints a line a patient.

    Raises:
        DataError: files that cannot be used; the other patients' lines are printed before.
    """
    dose_scores, cells = [], []
    problems = []
    for name in find_patients(reference, prediction):
        mask_file = reference / name / "possible_dose_mask.csv"
        try:
            patient = read_patient(reference / name)
            predicted = read_prediction(prediction / f"{name}.csv")
            if not patient.possible_dose_mask.any():
                raise DataError(f"{mask_file}: holds no voxel, expected those with dose.")
        except DataError as error:
            problems.append(str(error))
            continue
        dose_scores.append(dose_score(patient.dose, predicted, patient.possible_dose_mask))
        cells.append(
            (
                dvh_metrics(patient.dose, patient.structures, patient.spacing),
                dvh_metrics(predicted, patient.structures, patient.spacing),
            )
        )
        dvh = dvh_score(cells[-1:])
        dvh_text = "none (no structure)" if dvh is None else f"{dvh:.3f} Gy"
        print(f"{name:8} dose error {dose_scores[-1]:.3f} Gy, DVH error {dvh_text}", flush=True)
    if problems:
        raise DataError("\n".join(problems))
    return {
        "dose_score": float(np.mean(dose_scores)),
        "dvh_score": dvh_score(cells),
        "patients": len(dose_scores),
        "dvh_cells": sum(len(reference_cells) for reference_cells, _ in cells),
    }
