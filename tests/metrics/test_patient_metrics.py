# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time

import numpy as np
import pytest

from ctan_monai.data.openkbp.patient import SEGMENTATION_ORGANS, read_patient
from ctan_monai.metrics import RadiotherapyReference, radiotherapy_metrics, summarize

LABELS = {"brainstem": 1, "spinal_cord": 2}


def _reference() -> RadiotherapyReference:
    segmentation = np.zeros((4, 4, 4), np.uint8)
    segmentation[0, 0, :2] = 1
    body = np.zeros((4, 4, 4), bool)
    body[:2, :2, :2] = True
    mask = np.zeros((4, 4, 4), bool)
    mask[0, 0, :] = True
    larynx = np.zeros((4, 4, 4), bool)
    larynx[0, 0, 0] = True
    return RadiotherapyReference(
        spacing=(5.0, 5.0, 2.0),
        dose=np.where(mask, 60.0, 0.0),
        segmentation=segmentation,
        labels=LABELS,
        body=body,
        possible_dose_mask=mask,
        structures={"Larynx": larynx},
    )


def _prediction() -> dict[str, np.ndarray]:
    reference = _reference()
    segmentation, dose = reference.segmentation.copy(), reference.dose.copy()
    segmentation[0, 0, 1] = 0  # half of the brainstem found: Dice 2/3
    dose[0, 0, 0] = 52.0  # 8 Gy too little in one voxel
    return {"segmentation": segmentation, "dose": dose}


def test_a_patient_by_hand():
    row = radiotherapy_metrics(_reference(), _prediction())
    assert row["dice_brainstem"] == pytest.approx(200 / 3)
    assert row["hd95_brainstem"] == pytest.approx(1.9)
    assert row["dice_spinal_cord"] is None
    assert row["hd95_spinal_cord"] is None
    assert row["dice"] == pytest.approx(200 / 3)
    assert row["mae_whole_volume"] == pytest.approx(8 / 64)
    assert row["mae_body_slices"] == pytest.approx(8 / 32)
    assert row["mae_body"] == pytest.approx(8 / 8)
    assert row["mae_possible_dose_mask"] == pytest.approx(8 / 4)
    assert row["dose_score"] == pytest.approx(8 / 4)
    assert row["dvh_reference_Larynx_mean"] == pytest.approx(60.0)
    assert row["dvh_predicted_Larynx_mean"] == pytest.approx(52.0)
    assert row["dvh_error_Larynx_mean"] == pytest.approx(8.0)
    assert row["dvh_error_Larynx_D_0.1_cc"] == pytest.approx(8.0)
    assert row["dvh_error_PTV70_D_99"] is None
    assert row["dvh_error"] == pytest.approx(8.0)


@pytest.mark.parametrize(("task", "present", "absent"), [("dose", "mae_", "dice"), ("segmentation", "dice", "mae_")])
def test_a_single_task_model_has_its_own_metrics_alone(task, present, absent):
    row = radiotherapy_metrics(_reference(), {task: _prediction()[task]})
    assert any(name.startswith(present) for name in row)
    assert not any(name.startswith(absent) for name in row)


def test_a_reference_without_a_task_has_no_metrics_of_it():
    reference = RadiotherapyReference(spacing=(1, 1, 1), dose=np.ones((2, 2, 2)))
    row = radiotherapy_metrics(reference, {"dose": np.zeros((2, 2, 2)), "segmentation": np.zeros((2, 2, 2))})
    assert row["mae_whole_volume"] == 1.0
    assert row["mae_body"] is None
    assert row["dose_score"] is None
    assert row["dvh_error"] is None
    assert "dice" not in row


def test_every_patient_has_the_same_columns():
    lacking = RadiotherapyReference(
        spacing=(1, 1, 1), dose=np.zeros((4, 4, 4)), segmentation=np.zeros((4, 4, 4), np.uint8), labels=LABELS
    )
    assert list(radiotherapy_metrics(_reference(), _prediction())) == list(radiotherapy_metrics(lacking, _prediction()))


def test_summary_by_hand():
    rows = [
        # found, missed and absent brainstem; two cells and one cell of DVH
        {
            "dice_brainstem": 80.0,
            "hd95_brainstem": 2.0,
            "dose_score": 1.0,
            "dvh_error_A_mean": 1.0,
            "dvh_error_B_mean": 2.0,
        },
        {
            "dice_brainstem": 0.0,
            "hd95_brainstem": None,
            "dose_score": 3.0,
            "dvh_error_A_mean": 6.0,
            "dvh_error_B_mean": None,
        },
        {"dice_brainstem": None, "hd95_brainstem": None, "dose_score": 5.0},
    ]
    summary = summarize(rows)
    assert summary["patients"] == 3
    assert summary["missed"] == {"brainstem": 1}
    assert summary["dose_score"] == pytest.approx(3.0)
    assert summary["dvh_score"] == pytest.approx(3.0)  # of all cells, not of the patients' means 1.5 and 6
    assert summary["metrics"]["dice_brainstem"] == pytest.approx({"mean": 40.0, "std": 3200**0.5, "n": 2})
    assert summary["metrics"]["hd95_brainstem"] == {"mean": 2.0, "std": None, "n": 1}


def test_summary_without_a_task():
    summary = summarize([{"dice_brainstem": 80.0, "hd95_brainstem": 2.0}])
    assert summary["dose_score"] is None
    assert summary["dvh_score"] is None


def test_summary_of_a_metric_that_no_patient_has():
    summary = summarize([{"dice_brainstem": None, "hd95_brainstem": None}])
    assert summary["metrics"]["dice_brainstem"] == {"mean": None, "std": None, "n": 0}
    assert summary["missed"] == {"brainstem": 0}


def test_summary_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="no patient"):
        summarize([])


def test_a_real_patient_takes_seconds_and_a_perfect_prediction_is_perfect(openkbp_source):
    patient = read_patient(sorted((openkbp_source / "test-pats").glob("pt_*"))[0])
    segmentation = np.zeros(patient.dose.shape, np.uint8)
    labels = {organ: label for label, organ in enumerate(SEGMENTATION_ORGANS, start=1)}
    for organ, label in labels.items():
        segmentation[patient.structures[SEGMENTATION_ORGANS[organ]]] = label
    reference = RadiotherapyReference(
        spacing=patient.spacing,
        dose=patient.dose,
        segmentation=segmentation,
        labels=labels,
        body=patient.ct > 724,
        possible_dose_mask=patient.possible_dose_mask,
        structures=patient.structures,
    )
    start = time.process_time()
    row = radiotherapy_metrics(reference, {"segmentation": segmentation, "dose": patient.dose})
    assert time.process_time() - start < 10  # about 1 s; the rest is for slow machines
    assert all(row[f"dice_{organ}"] == 100.0 and row[f"hd95_{organ}"] == 0.0 for organ in labels)
    assert row["dose_score"] == row["dvh_error"] == row["mae_body"] == 0.0
    assert sum(value is not None for name, value in row.items() if name.startswith("dvh_error_")) == 18
    # as the challenge's own model does: 0 outside the mask, then the score
    dose = patient.dose + 1.25
    row = radiotherapy_metrics(reference, {"dose": dose})
    masked = radiotherapy_metrics(reference, {"dose": np.where(patient.possible_dose_mask, dose, 0)})
    assert masked["dose_score"] == masked["mae_possible_dose_mask"] == row["mae_possible_dose_mask"]
    assert row["mae_possible_dose_mask"] == pytest.approx(1.25)
    assert row["dose_score"] == pytest.approx(1.25 * dose.size / patient.possible_dose_mask.sum())


def test_another_data_sets_structures_and_no_challenge_score():
    """Own DVH metrics; without a possible-dose mask there is no challenge score, but each patient's error."""
    reference = _reference()
    other = RadiotherapyReference(
        spacing=reference.spacing,
        dose=reference.dose,
        structures={"ctv": reference.structures["Larynx"]},
        dvh_metrics={"rectum": ["mean"], "ctv": ["D_95", "mean"]},
    )
    row = radiotherapy_metrics(other, _prediction())
    assert {k: v for k, v in row.items() if k.startswith("dvh")} == pytest.approx(
        {
            "dvh_error": 8.0,
            "dvh_reference_rectum_mean": None,
            "dvh_predicted_rectum_mean": None,
            "dvh_error_rectum_mean": None,
            "dvh_reference_ctv_D_95": 60.0,
            "dvh_predicted_ctv_D_95": 52.0,
            "dvh_error_ctv_D_95": 8.0,
            "dvh_reference_ctv_mean": 60.0,
            "dvh_predicted_ctv_mean": 52.0,
            "dvh_error_ctv_mean": 8.0,
        }
    )
    summary = summarize([row])
    assert summary["dvh_score"] is None
    assert summary["metrics"]["dvh_error"]["mean"] == pytest.approx(8.0)
