# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from ctan_monai.data.openkbp.patient import PTVS, OpenKBPPatient, read_patient, to_lps
from ctan_monai.imaging.body import body_mask
from ctan_monai.phantoms import make_openkbp_patient, write_openkbp_phantom
from ctan_monai.utils.errors import DataError


@pytest.fixture(scope="module")
def patients() -> list[OpenKBPPatient]:
    return [make_openkbp_patient(number) for number in (1, 2, 3)]


def _center(mask: np.ndarray) -> np.ndarray:
    """Mean (x, y, z) index: growing to the patient's left, back and head."""
    return np.argwhere(to_lps(mask)).mean(axis=0)


def _equal(a: OpenKBPPatient, b: OpenKBPPatient) -> bool:
    same = all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("ct", "dose", "possible_dose_mask"))
    masks = a.structures.keys() == b.structures.keys()
    return same and masks and all(np.array_equal(m, b.structures[name]) for name, m in a.structures.items())


def test_a_patient_follows_from_its_number_and_seed(patients: list[OpenKBPPatient]) -> None:
    assert _equal(make_openkbp_patient(1), patients[0])
    assert not _equal(make_openkbp_patient(1, seed=1), patients[0])
    assert not _equal(patients[1], patients[0])


def test_organs_lie_where_they_should(patients: list[OpenKBPPatient]) -> None:
    for patient in patients:
        cord = _center(patient.structures["SpinalCord"])
        if "LeftParotid" in patient.structures:
            assert _center(patient.structures["LeftParotid"])[0] > cord[0] + 5
        if "RightParotid" in patient.structures:
            assert _center(patient.structures["RightParotid"])[0] < cord[0] - 5
        if "Brainstem" in patient.structures:
            assert _center(patient.structures["Brainstem"])[2] > cord[2] + 10
        assert _center(patient.structures["PTV70"])[1] < cord[1]


def test_organs_and_targets_show_in_ct(patients: list[OpenKBPPatient]) -> None:
    for patient in patients:
        body = to_lps(patient.possible_dose_mask)
        ct = to_lps(patient.ct) - 1024.0
        muscle = np.median(ct[body])
        for name in {"LeftParotid", "RightParotid"} & patient.structures.keys():
            assert np.median(ct[to_lps(patient.structures[name])]) < muscle - 30
        tumour = (ct > 85) & (ct < 125)  # brighter than muscle, darker than bone
        target = to_lps(patient.structures["PTV70"])
        assert tumour[target].mean() > 0.15 > 3 * tumour[body & ~target].mean()


def test_dose_follows_from_the_targets(patients: list[OpenKBPPatient]) -> None:
    for patient in patients:
        dose, possible = patient.dose, patient.possible_dose_mask
        assert not dose[~possible].any() and (dose[possible] > 0).all()
        assert 72 > np.median(dose[patient.structures["PTV70"]]) > 68
        assert dose.max() < 80
        assert dose[possible].mean() < 35
        assert np.percentile(dose[patient.structures["PTV70"]], 5) > 60
        if "PTV56" in patient.structures:
            assert 52 < np.median(dose[patient.structures["PTV56"]]) < 65


def test_targets_do_not_overlap_and_the_mask_is_in_the_body(patients: list[OpenKBPPatient]) -> None:
    for patient in patients:
        targets = sum(patient.structures[name].astype(int) for name in PTVS if name in patient.structures)
        assert targets.max() == 1
        assert not (patient.possible_dose_mask & (patient.ct == 0)).any()
        body = body_mask(to_lps(patient.ct) - 1024)
        assert np.array_equal(body, to_lps(patient.ct > 0))
        assert 40 <= body.any(axis=(0, 1)).sum() <= 80


def test_some_patients_lack_an_organ() -> None:
    assert {"Brainstem", "LeftParotid", "RightParotid"} - make_openkbp_patient(3).structures.keys()


def test_release_is_read_back(tmp_path: Path, patients: list[OpenKBPPatient]) -> None:
    release = write_openkbp_phantom(tmp_path, patients=3)
    folders = [release / "train-pats" / "pt_1", release / "validation-pats" / "pt_2", release / "test-pats" / "pt_3"]
    assert sorted(release.glob("*/*")) == sorted(folders)
    for folder, patient in zip(folders, patients, strict=True):
        read = read_patient(folder)
        assert np.array_equal(read.ct, patient.ct)
        assert np.abs(read.dose - patient.dose).max() < 0.00051
        assert read.spacing == patient.spacing


def test_other_patients_there_already(tmp_path: Path) -> None:
    (tmp_path / "provided-data" / "train-pats" / "pt_99").mkdir(parents=True)
    with pytest.raises(DataError, match="holds other patients already, such as pt_99"):
        write_openkbp_phantom(tmp_path, patients=3)


def test_too_few_patients(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="patients is 2, expected at least 3"):
        write_openkbp_phantom(tmp_path, patients=2)


def test_command(tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("make_phantom", repository / "tools" / "make_phantom.py")
    assert spec is not None and spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.main(["openkbp", "--output", str(tmp_path), "--patients", "3"]) == 0
    assert "1 in train-pats, 1 in validation-pats, 1 in test-pats" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        tool.main(["openkbp", "--output", str(tmp_path), "--patients", "2"])
    assert "expected a whole number of at least 3" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert tool.main(["openkbp", "--output", str(tmp_path / "file"), "--patients", "3"]) == 2
    assert "cannot write to the output folder" in capsys.readouterr().err
