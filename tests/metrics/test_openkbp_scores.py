# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ctan_monai.data.openkbp.patient import read_patient
from ctan_monai.metrics import DVH_METRICS, dose_score, dvh_metrics, dvh_score


def test_dose_score_counts_dose_outside_the_mask_by_hand():
    reference = np.array([10.0, 20.0, 0.0, 0.0])
    prediction = np.array([12.0, 17.0, 3.0, 0.0])
    # |2| + |3| + |3| outside the mask, over the 2 voxels of the mask
    assert dose_score(reference, prediction, np.array([1, 1, 0, 0])) == pytest.approx(4.0)


def test_dose_score_of_an_empty_mask_is_an_error():
    with pytest.raises(ValueError, match="possible-dose mask holds no voxel"):
        dose_score(np.ones(2), np.ones(2), np.zeros(2))


def test_organ_metrics_by_hand():
    # 11 voxels of 0, 1 .. 10 Gy. 50 mm^3 each: 0.1 cc is 2 voxels, percentile 100 - 2 / 11 * 100 = 81.8181 %, which
    # lies 8.1818 steps from the lowest
    dose = np.arange(11.0)
    metrics = dvh_metrics(dose, {"Larynx": np.ones(11, bool)}, spacing=(5, 5, 2))
    assert metrics == pytest.approx({("Larynx", "mean"): 5.0, ("Larynx", "D_0.1_cc"): 10 * (1 - 2 / 11)})


def test_target_metrics_by_hand():
    dose = np.arange(101.0)
    metrics = dvh_metrics(dose, {"PTV70": np.ones(101, bool)}, spacing=(4, 4, 2.5))
    assert metrics == pytest.approx({("PTV70", "D_99"): 1.0, ("PTV70", "D_95"): 5.0, ("PTV70", "D_1"): 99.0})


@pytest.mark.parametrize(
    ("spacing", "voxels"),
    [
        ((3.906, 3.906, 2.5), 3),  # 100 / 38.1 = 2.62
        ((5.0, 5.0, 8.0), 1),  # 100 / 200 = 0.5: rounds to even, 0, and is at least one voxel
        ((5.0, 5.0, 1.6), 2),  # 100 / 40 = 2.5: rounds to even
        ((20.0, 20.0, 5.0), 1),
    ],
)
def test_voxels_in_a_tenth_cc(spacing, voxels):
    metrics = dvh_metrics(np.arange(101.0), {"Mandible": np.ones(101, bool)}, spacing)
    assert metrics["Mandible", "D_0.1_cc"] == pytest.approx(100 * (1 - voxels / 101))


def test_a_structure_smaller_than_a_tenth_cc_is_taken_whole():
    metrics = dvh_metrics(np.array([3.0, 7.0]), {"Brainstem": np.ones(2, bool)}, spacing=(2, 2, 2))
    assert metrics["Brainstem", "D_0.1_cc"] == pytest.approx(3.0)


def test_structures_that_are_empty_or_unknown_have_no_metrics():
    masks = {"Brainstem": np.zeros(4, bool), "Lens": np.ones(4, bool)}
    assert dvh_metrics(np.ones(4), masks, spacing=(1, 1, 1)) == {}


def test_dvh_score_pools_the_cells_of_all_patients_by_hand():
    first = {("Larynx", "mean"): 10.0, ("PTV70", "D_99"): 60.0, ("PTV70", "D_1"): 70.0}
    predicted = {("Larynx", "mean"): 13.0, ("PTV70", "D_99"): 59.0, ("PTV70", "D_1"): 72.0}
    second = {("Larynx", "mean"): 20.0}
    # (3 + 1 + 2 + 6) / 4, not the mean of 2 and 6
    assert dvh_score([(first, predicted), (second, {("Larynx", "mean"): 26.0})]) == pytest.approx(3.0)


def test_dvh_score_without_structures_is_none():
    assert dvh_score([({}, {})]) is None


# Real patients, worked out a second time: pandas on the raw files, sorted lists, and interpolation written out.


def _read(path: Path) -> dict[int, float]:
    table = pd.read_csv(path, index_col=0)
    return dict(zip(table.index.tolist(), table["data"].tolist(), strict=True))


def _interpolated(values: list[float], percent: float) -> float:
    values = sorted(values)
    position = percent / 100 * (len(values) - 1)
    below = math.floor(position)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (position - below)


def _scores_worked_out(folder: Path, prediction: dict[int, float]) -> tuple[float, list[float]]:
    dose = _read(folder / "dose.csv")
    total = sum(abs(dose.get(i, 0.0) - prediction.get(i, 0.0)) for i in dose.keys() | prediction.keys())
    sizes = [float(line) for line in (folder / "voxel_dimensions.csv").read_text().split()]
    tenth_cc = max(1, round(100 / (sizes[0] * sizes[1] * sizes[2])))
    cells = []
    for name in DVH_METRICS:
        if not (folder / f"{name}.csv").is_file():
            continue
        voxels = list(_read(folder / f"{name}.csv"))
        metrics = []
        for source in (dose, prediction):
            values = [source.get(voxel, 0.0) for voxel in voxels]
            if name.startswith("PTV"):
                metrics.append([_interpolated(values, percent) for percent in (1, 5, 99)])
            else:
                hottest = _interpolated(values, 100 - tenth_cc / len(values) * 100)
                metrics.append([hottest, sum(values) / len(values)])
        cells += [abs(a - b) for a, b in zip(*metrics, strict=True)]
    return total / len(_read(folder / "possible_dose_mask.csv")), cells


def _prediction_of_another_patient(folders: list[Path], index: int) -> dict[int, float]:
    return _read(folders[(index + 1) % len(folders)] / "dose.csv")


def _prediction_off_by_a_constant(folders: list[Path], index: int) -> dict[int, float]:
    dose = _read(folders[index] / "dose.csv")
    # within the mask only, so that the dose score is the constant
    return {voxel: dose.get(voxel, 0.0) + 1.25 for voxel in _read(folders[index] / "possible_dose_mask.csv")}


@pytest.mark.parametrize("predict", [_prediction_of_another_patient, _prediction_off_by_a_constant])
def test_real_patients_equal_numbers_worked_out_independently(openkbp_source, predict):
    folders = sorted((openkbp_source / "test-pats").glob("pt_*"))[:3]
    assert len(folders) == 3
    dose_scores, expected_dose_scores, cells, expected_cells = [], [], [], []
    for index, folder in enumerate(folders):
        prediction = predict(folders, index)
        score, errors = _scores_worked_out(folder, prediction)
        expected_dose_scores.append(score)
        expected_cells += errors
        patient = read_patient(folder)
        predicted = np.zeros(patient.dose.size)
        predicted[list(prediction)] = list(prediction.values())
        predicted = predicted.reshape(patient.dose.shape)
        dose_scores.append(dose_score(patient.dose, predicted, patient.possible_dose_mask))
        cells.append(
            (
                dvh_metrics(patient.dose, patient.structures, patient.spacing),
                dvh_metrics(predicted, patient.structures, patient.spacing),
            )
        )
    assert dose_scores == pytest.approx(expected_dose_scores, abs=1e-6)
    assert dvh_score(cells) == pytest.approx(sum(expected_cells) / len(expected_cells), abs=1e-6)
    if predict is _prediction_off_by_a_constant:
        assert np.mean(dose_scores) == pytest.approx(1.25, abs=0.01)  # dose outside the mask adds a little
