# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from ctan_monai.reports import read_log, training_charts
from ctan_monai.reports.radiotherapy.dvh_chart import dvh_charts, dvh_curves

TRAINING = """epoch,segmentation_loss,segmentation_weight,dose_loss,dose_weight,loss,learning_rate,seconds
1,1.0,1.0,0.5,1.0,1.5,0.001,2.0
2,0.5,1.0,nan,1.0,1.0,0.0005,2.0
3,0.25,1.25,,0.75,0.5,0.0001,2.0
"""
VALIDATION = "epoch,score,segmentation\n2,0.4,0.3\n"


def write_logs(folder: Path, training: str = TRAINING, validation: str = VALIDATION) -> Path:
    (folder / "training_log.csv").write_text(training)
    (folder / "validation_log.csv").write_text(validation)
    return folder


def test_read_log(tmp_path: Path) -> None:
    log = read_log(write_logs(tmp_path) / "training_log.csv")
    assert log["epoch"] == [1.0, 2.0, 3.0]
    assert log["segmentation_weight"] == [1.0, 1.0, 1.25]
    assert log["dose_loss"][0] == 0.5
    assert [math.isnan(value) for value in log["dose_loss"]] == [False, True, True]
    assert read_log(tmp_path / "none.csv") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch,loss\n1,0.5\n2,high\n", "line 3 has 'high' as loss"),
        ("time,loss\n1,0.5\n", "expected one named 'epoch'"),
    ],
)
def test_read_log_names_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "training_log.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_log(path)
    assert str(path) in str(error.value)


def test_training_charts(tmp_path: Path) -> None:
    charts = training_charts(write_logs(tmp_path))
    assert [chart.title for chart in charts] == ["Training loss", "Task weights", "Validation", "Learning rate"]
    assert charts[0].description == "Training loss over 3 epochs: Segmentation from 1 to 0.25; Dose from 0.5 to 0.5."
    assert charts[2].description == "Validation over 1 epochs: Score from 0.4 to 0.4; Segmentation from 0.3 to 0.3."
    for chart in charts:
        assert chart.light.startswith(b"\x89PNG") and chart.dark.startswith(b"\x89PNG")
        assert chart.light != chart.dark


def test_training_charts_of_a_single_task_and_without_logs(tmp_path: Path) -> None:
    assert training_charts(tmp_path) == []
    single = "epoch,dose_loss,dose_weight,learning_rate\n1,0.5,1.0,0.001\n2,0.4,1.0,0.001\n"
    charts = training_charts(write_logs(tmp_path, single, "epoch,score\n"))
    assert [chart.title for chart in charts] == ["Training loss"]


def test_dvh_curves_by_hand() -> None:
    reference = np.array([[[0.0, 10.0, 20.0, 20.0]]])
    prediction = np.array([[[0.0, 10.0, 10.0, 30.0]]])
    masks = {"Brainstem": np.ones((1, 1, 4), bool), "PTV70": np.zeros((1, 1, 4), bool)}
    curves = dvh_curves(reference, prediction, masks, step=10.0)
    np.testing.assert_allclose(curves.dose, [0, 10, 20, 30, 40])
    np.testing.assert_allclose(curves.reference["Brainstem"], [100, 75, 50, 0, 0])
    np.testing.assert_allclose(curves.prediction["Brainstem"], [100, 75, 25, 25, 0])
    assert set(curves.reference) == {"Brainstem"}  # an empty structure has no curve


def test_dvh_charts_part_targets_from_organs() -> None:
    dose = np.linspace(0, 70, 8).reshape(2, 2, 2)
    mask = np.ones((2, 2, 2), bool)
    charts = dvh_charts(dvh_curves(dose, dose, {"SpinalCord": mask, "PTV70": mask, "Larynx": mask}))
    assert [(chart.title, chart.description) for chart in charts] == [
        ("Targets", "Dose-volume histogram of PTV70: reference solid, prediction dashed."),
        ("Organs at risk", "Dose-volume histogram of Spinal cord, Larynx: reference solid, prediction dashed."),
    ]
    assert dvh_charts(dvh_curves(dose, dose, {})) == []
