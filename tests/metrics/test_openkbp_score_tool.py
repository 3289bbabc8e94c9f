# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from ctan_monai.data.openkbp.patient import SHAPE, OpenKBPPatient, write_dose_csv, write_patient


@pytest.fixture(scope="module")
def tool(repository):
    spec = importlib.util.spec_from_file_location("openkbp_score", repository / "tools" / "openkbp_score.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _cube(first: int, last: int) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[first:last, first:last, first:last] = True
    return mask


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    """Two patients: 60 Gy in a cube of 4^3 voxels, of which 2^3 are the larynx; predicted 1 and 3 Gy too high."""
    reference, prediction = tmp_path / "test-pats", tmp_path / "prediction"
    prediction.mkdir()
    cube = _cube(10, 14)
    for number, error in ((2, 1.0), (10, 3.0)):
        patient = OpenKBPPatient(
            ct=np.where(_cube(5, 20), 1024, 0),
            dose=np.where(cube, 60.0, 0.0),
            possible_dose_mask=cube,
            spacing=(4.0, 4.0, 2.5),
            structures={"Larynx": _cube(11, 13)},
        )
        write_patient(reference / f"pt_{number}", patient)
        write_dose_csv(prediction / f"pt_{number}.csv", np.where(cube, 60.0 + error, 0.0))
    return reference, prediction


def _main(tool, folders) -> int:
    return tool.main(["--reference", str(folders[0]), "--prediction", str(folders[1])])


def test_scores_by_hand_are_the_last_line(tool, folders, capsys):
    assert _main(tool, folders) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["pt_2", "pt_10"]
    assert json.loads(lines[-1]) == {"dose_score": 2.0, "dvh_score": 2.0, "patients": 2, "dvh_cells": 4}


def test_dose_outside_the_mask_counts(tool, folders, capsys):
    with (folders[1] / "pt_2.csv").open("a") as file:
        file.write("0,64.0\n")  # one voxel over 64 of the mask: 1 Gy more for this patient
    assert _main(tool, folders) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["dose_score"] == pytest.approx(2.5)


def test_negative_predictions_are_scored_as_they_are(tool, folders, capsys):
    with (folders[1] / "pt_2.csv").open("a") as file:
        file.write("0,-64.0\n")
    assert _main(tool, folders) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["dose_score"] == pytest.approx(2.5)


def test_predictions_written_by_other_tools_score_alike(tool, folders, capsys):
    """pandas with a named index, R, a spreadsheet's byte order mark, and a text without a last line break."""
    for number, text in ((2, '\ufeff"index","data"\r\n'), (10, "voxel,data\n\n")):
        path = folders[1] / f"pt_{number}.csv"
        rows = path.read_text().removeprefix(",data\n")
        path.write_bytes((text + rows).rstrip("\n").encode())
    assert _main(tool, folders) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out.splitlines()[-1])
    assert (result["dose_score"], result["dvh_score"]) == (2.0, 2.0)
    assert captured.err.count("no line break") == 2


def test_real_patients_against_themselves(tool, openkbp_source, tmp_path, capsys):
    reference, prediction = tmp_path / "reference", tmp_path / "prediction"
    prediction.mkdir()
    for folder in sorted((openkbp_source / "test-pats").glob("pt_*"))[:2]:
        shutil.copytree(folder, reference / folder.name)
        shutil.copy(folder / "dose.csv", prediction / f"{folder.name}.csv")
    assert _main(tool, (reference, prediction)) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["dose_score"], result["dvh_score"], result["patients"]) == (0.0, 0.0, 2)


def _remove_a_prediction(reference, prediction):
    (prediction / "pt_10.csv").unlink()


def _add_a_prediction(reference, prediction):
    shutil.copy(prediction / "pt_10.csv", prediction / "pt_11.csv")


def _empty_predictions(reference, prediction):
    for file in prediction.iterdir():
        file.unlink()


def _remove_predictions(reference, prediction):
    shutil.rmtree(prediction)


def _empty_reference(reference, prediction):
    for folder in reference.iterdir():
        shutil.rmtree(folder)


def _nan(reference, prediction):
    (prediction / "pt_2.csv").write_text(",data\n5,nan\n")


def _index_out_of_range(reference, prediction):
    (prediction / "pt_2.csv").write_text(f",data\n{128**3},1.0\n")


def _no_dose(reference, prediction):
    (reference / "pt_2" / "dose.csv").unlink()


def _empty_mask(reference, prediction):
    (reference / "pt_2" / "possible_dose_mask.csv").write_text(",data\n")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_remove_a_prediction, r"prediction: lacks the prediction of pt_10\.csv"),
        (_add_a_prediction, r"prediction: holds pt_11\.csv, which belongs to no patient"),
        (_empty_predictions, r"prediction: empty, expected 2 files"),
        (_remove_predictions, r"prediction: no such folder"),
        (_empty_reference, r"test-pats: holds no patient's folder"),
        (_nan, r"pt_2\.csv: line 2 has the value nan"),
        (_index_out_of_range, r"pt_2\.csv: line 2 has the voxel index 2097152"),
        (_no_dose, r"pt_2: lacks dose\.csv"),
        (_empty_mask, r"possible_dose_mask\.csv: holds no voxel"),
    ],
)
def test_bad_input_is_one_clear_error(tool, folders, capsys, damage, message):
    damage(*folders)
    assert _main(tool, folders) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(message, error), error


def test_all_damaged_files_are_named_and_the_others_scored(tool, folders, capsys):
    shutil.copytree(folders[0] / "pt_2", folders[0] / "pt_3")
    for name in ("pt_2", "pt_3"):
        (folders[1] / f"{name}.csv").write_text(",data\n5,nan\n")
    assert _main(tool, folders) == 2
    out, err = capsys.readouterr()
    assert out.startswith("pt_10 ") and len(out.splitlines()) == 1
    assert [re.search(r"pt_\d", line)[0] for line in err.splitlines()] == ["pt_2", "pt_3"]


def test_hidden_files_are_not_predictions(tool, folders):
    (folders[1] / ".DS_Store").write_text("")
    assert _main(tool, folders) == 0


def test_help_names_the_two_layouts(tool, capsys):
    with pytest.raises(SystemExit) as stop:
        tool.main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert "pt_241/dose.csv" in text
    assert "pt_241.csv" in text
