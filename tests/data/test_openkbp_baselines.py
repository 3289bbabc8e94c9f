# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import json

import nibabel as nib
import numpy as np
import pytest

from ctan_monai.data.openkbp.baselines import AlignedMeanDose, MeanDose, OrganAtlas
from ctan_monai.reports import read_baselines

LABELS = {"brainstem": 1, "spinal_cord": 2}


def test_mean_dose_by_hand():
    baseline = MeanDose(np.array(dose, np.float32).reshape(1, 1, 3) for dose in ([1, 2, 3], [3, 6, 0]))
    body = np.array([True, False, True]).reshape(1, 1, 3)
    np.testing.assert_allclose(baseline.predict(body).ravel(), [2, 0, 1.5])


def test_mean_dose_is_exact_over_many_patients():
    baseline = MeanDose(np.full((2, 2, 2), 0.1, np.float32) for _ in range(1000))
    np.testing.assert_allclose(baseline.mean, np.float32(0.1), rtol=1e-7)


def test_mean_dose_needs_a_patient_and_one_grid():
    with pytest.raises(ValueError, match="no training dose"):
        MeanDose([])
    with pytest.raises(ValueError, match=r"\(2, 2, 3\)"):
        MeanDose([np.zeros((2, 2, 2)), np.zeros((2, 2, 3))])


def _patient(shift=(0, 0, 0), spacing=(2.0, 2.0, 2.0), organs=(1, 2), shape=(24, 24, 24)):
    """A body of 10 x 8 x 12 voxels of 2 mm with two organs, resampled to `spacing` and shifted by voxels."""
    factor = [2.0 / size for size in spacing]
    segmentation, body = np.zeros(shape, np.uint8), np.zeros(shape, bool)

    def box(low, high):
        return tuple(
            slice(round(a * f) + s, round(b * f) + s) for a, b, f, s in zip(low, high, factor, shift, strict=True)
        )

    body[box((4, 4, 4), (14, 12, 16))] = True
    for label, low, high in ((1, (5, 5, 5), (8, 8, 9)), (2, (9, 6, 6), (12, 9, 12))):
        if label in organs:
            segmentation[box(low, high)] = label
    return segmentation, body, spacing


def test_aligned_mean_dose_by_hand():
    # a line of voxels: bodies at 2-4 and 4-6, doses that follow them; without alignment the mean would be smeared
    def line(start, values):
        dose, body = np.zeros((1, 1, 9), np.float32), np.zeros((1, 1, 9), bool)
        dose[..., start : start + 3], body[..., start : start + 3] = values, True
        return dose, body, (1.0, 1.0, 1.0)

    baseline = AlignedMeanDose([line(2, [1, 2, 3]), line(4, [3, 4, 5])])
    _, body, spacing = line(5, [0, 0, 0])
    np.testing.assert_allclose(baseline.predict(body, spacing).ravel(), [0, 0, 0, 0, 0, 2, 3, 4, 0])
    assert not baseline.predict(np.zeros_like(body), spacing).any()
    with pytest.raises(ValueError, match="no training dose"):
        AlignedMeanDose([])


def test_atlas_of_equal_patients_is_that_patient():
    segmentation, body, spacing = _patient()
    atlas = OrganAtlas([_patient()] * 3, LABELS)
    np.testing.assert_array_equal(atlas.predict(body, spacing), segmentation)


def test_patients_are_aligned_by_their_bodies():
    atlas = OrganAtlas([_patient(), _patient(shift=(3, -2, 5)), _patient(shift=(-1, 4, 0))], LABELS)
    segmentation, body, spacing = _patient(shift=(2, 2, 2))
    np.testing.assert_array_equal(atlas.predict(body, spacing), segmentation)


def test_voxel_sizes_are_heeded():
    # a patient of half the voxel size along x has the same organs, in twice the voxels
    atlas = OrganAtlas([_patient()] * 3, LABELS)
    segmentation, body, spacing = _patient(spacing=(1.0, 2.0, 2.0), shape=(48, 24, 24))
    np.testing.assert_array_equal(atlas.predict(body, spacing), segmentation)


def test_a_patient_without_an_organ_does_not_count_for_it():
    atlas = OrganAtlas([_patient(), _patient(), _patient(organs=(1,))], LABELS)
    assert atlas.frequencies["spinal_cord"].max() == 1.0
    assert atlas.frequencies["brainstem"].max() == 1.0


def test_frequency_and_threshold_by_hand():
    # one line of voxels; three patients' organ covers the voxels 2-3, 2-3 and 2-5 of a body over 0-7
    patients = []
    for stop in (4, 4, 6):
        segmentation = np.zeros((1, 1, 8), np.uint8)
        segmentation[..., 2:stop] = 1
        patients.append((segmentation, np.ones((1, 1, 8), bool), (1.0, 1.0, 1.0)))
    atlas = OrganAtlas(patients, {"brainstem": 1}, thresholds=(0.5, 1.0))
    np.testing.assert_allclose(atlas.frequencies["brainstem"].ravel(), [0, 0, 1, 1, 1 / 3, 1 / 3, 0, 0])
    # left out in turn, at threshold 0.5 (one of the two others): Dice 2*2/(4+2), 2*2/(4+2), 2*2/(2+4), mean 2/3;
    # at 1.0 (both others): 1, 1, 2/3
    assert atlas.thresholds == {"brainstem": 1.0}
    predicted = atlas.predict(np.ones((1, 1, 8), bool), (1.0, 1.0, 1.0))
    np.testing.assert_array_equal(predicted.ravel(), [0, 0, 1, 1, 0, 0, 0, 0])


def test_nothing_outside_the_body_is_an_organ():
    segmentation = np.zeros((1, 1, 8), np.uint8)
    segmentation[..., 2:5] = 1
    whole = np.ones((1, 1, 8), bool)
    atlas = OrganAtlas([(segmentation, whole, (1, 1, 1))] * 2, {"brainstem": 1})
    body = whole.copy()
    body[..., 3] = False
    np.testing.assert_array_equal(atlas.predict(body, (1, 1, 1)).ravel(), [0, 0, 1, 0, 1, 0, 0, 0])
    assert not atlas.predict(np.zeros_like(body), (1, 1, 1)).any()


def test_overlapping_organs_go_to_the_more_certain():
    # voxel 3 is brainstem in 2 of 3 patients and spinal cord in 1 of 3
    patients = []
    for boundary in (4, 4, 3):
        segmentation = np.zeros((1, 1, 8), np.uint8)
        segmentation[..., 1:boundary] = 1
        segmentation[..., boundary:6] = 2
        patients.append((segmentation, np.ones((1, 1, 8), bool), (1, 1, 1)))
    atlas = OrganAtlas(patients, LABELS, thresholds=(0.3,))
    predicted = atlas.predict(np.ones((1, 1, 8), bool), (1, 1, 1))
    np.testing.assert_array_equal(predicted.ravel(), [0, 1, 1, 1, 2, 2, 0, 0])


def test_an_organ_in_fewer_than_two_patients_is_an_error():
    with pytest.raises(ValueError, match="'spinal_cord' is in 1 of the training patients"):
        OrganAtlas([_patient(), _patient(organs=(1,))], LABELS)
    with pytest.raises(ValueError, match="at least two training patients"):
        OrganAtlas([_patient()], LABELS)


@pytest.fixture
def prepared(tmp_path):
    """Prepared data of small patients: a body with two organs, and a dose that is the same for all but for a factor."""
    datalist = {"labels": {"0": "background", "1": "brainstem", "2": "spinal_cord"}}
    numbers = {"training": (1, 2, 3), "test": (4,)}
    for section, patients in numbers.items():
        datalist[section] = []
        for number in patients:
            segmentation, body, spacing = _patient()
            folder = tmp_path / section / f"pt_{number}"
            folder.mkdir(parents=True)
            arrays = {
                "image": np.where(body, 0, -1024).astype(np.int16),
                "dose": np.where(body, np.float32(10 * number), 0),  # training mean: 20 Gy
                "segmentation": segmentation,
                "possible_dose_mask": body.astype(np.uint8),
                "Larynx": (segmentation == 2).astype(np.uint8),
            }
            for name, array in arrays.items():
                nib.save(nib.Nifti1Image(array, np.diag([*spacing, 1.0])), folder / f"{name}.nii")
            path = f"{section}/pt_{number}"
            case = {name: f"{path}/{name}.nii" for name in arrays if name != "Larynx"}
            case |= {"case_id": f"pt_{number}", "structures": {"Larynx": f"{path}/Larynx.nii"}}
            datalist[section].append({**case, "segmentation_present": [1, 1], "spacing": spacing})
    (tmp_path / "datalist.json").write_text(json.dumps(datalist))
    return tmp_path


@pytest.fixture(scope="module")
def tool(repository):
    spec = importlib.util.spec_from_file_location("openkbp_baselines", repository / "tools" / "openkbp_baselines.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tool_writes_results_by_hand(tool, prepared, tmp_path, capsys):
    output = tmp_path / "results"
    assert tool.main(["--dataset_dir", str(prepared), "--output", str(output)]) == 0
    result = json.loads((output / "baselines.json").read_text())
    row = result["patients"]["pt_4"]
    # 20 Gy for 40 Gy in a body of 10 x 8 x 12 voxels; the organs are the training patients'
    assert row["dose_score"] == pytest.approx(20.0)
    assert row["mae_whole_volume"] == pytest.approx(20 * 960 / 24**3)
    assert row["dvh_error_Larynx_mean"] == pytest.approx(20.0)
    assert row["dice_brainstem"] == row["dice_spinal_cord"] == 100.0
    assert result["summary"]["patients"] == 1
    assert str(tmp_path) not in json.dumps(result)
    headlines = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert headlines["mean_dose_in_mask"]["dose_score"] == pytest.approx(20.0)
    assert headlines["mean_dose_aligned"]["dose_score"] == pytest.approx(20.0), "all bodies lie alike"
    assert {path.name for path in output.iterdir()} == {
        f"{name}{end}"
        for name in ("baselines", "mean_dose_aligned", "mean_dose_in_mask")
        for end in (".json", "_per_patient.csv", "_summary.csv")
    }


def test_results_are_fit_for_a_report(tool, prepared, tmp_path):
    output = tmp_path / "results"
    tool.main(["--dataset_dir", str(prepared), "--output", str(output)])
    (baseline,) = read_baselines([output / "baselines.json"])
    assert baseline["name"] == "Mean training dose and organ atlas"
    assert baseline["case_ids"] == {"pt_4"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "datalist.json").unlink(), "datalist.json: no such file"),
        (lambda folder: (folder / "test/pt_4/dose.nii").unlink(), "dose.nii: no such file"),
    ],
)
def test_tool_names_missing_files(tool, prepared, tmp_path, capsys, change, message):
    change(prepared)
    assert tool.main(["--dataset_dir", str(prepared), "--output", str(tmp_path / "results")]) == 2
    assert message in capsys.readouterr().err


def test_tool_needs_training_patients_with_organs(tool, prepared, tmp_path, capsys):
    datalist = json.loads((prepared / "datalist.json").read_text())
    datalist["training"] = datalist["training"][:1]
    (prepared / "datalist.json").write_text(json.dumps(datalist))
    assert tool.main(["--dataset_dir", str(prepared), "--output", str(tmp_path / "results")]) == 2
    assert "at least two training patients" in capsys.readouterr().err
