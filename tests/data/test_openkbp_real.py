# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""On real patients: values as pandas reads them, where organs lie in the world, and speed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from ctan_monai.data.openkbp.case import prepare_case
from ctan_monai.data.openkbp.patient import SHAPE, STRUCTURES, lps_affine, read_patient, to_lps
from ctan_monai.data.openkbp.prepare import prepare_openkbp

COMPLETE = "train-pats/pt_24"  # has brain stem, cord, both parotids and mandible


def _with_pandas(folder: Path) -> dict[str, pd.DataFrame]:
    files = [path for path in sorted(folder.glob("*.csv")) if path.name != "voxel_dimensions.csv"]
    return {path.stem: pd.read_csv(path, index_col=0) for path in files}


def test_same_voxels_as_pandas(openkbp_source: Path) -> None:
    patient, tables = read_patient(openkbp_source / COMPLETE), _with_pandas(openkbp_source / COMPLETE)
    for name, array in (("ct", patient.ct), ("dose", patient.dose)):
        expected = np.zeros(np.prod(SHAPE))
        expected[tables[name].index] = tables[name]["data"]
        assert np.array_equal(array.reshape(-1), expected)
    assert set(patient.structures) == set(tables) & set(STRUCTURES)
    for name, mask in {**patient.structures, "possible_dose_mask": patient.possible_dose_mask}.items():
        assert np.array_equal(np.flatnonzero(mask), tables[name].index)


def test_organs_lie_where_they_should(openkbp_source: Path) -> None:
    patient = read_patient(openkbp_source / COMPLETE)
    affine = lps_affine((patient.spacing[1], patient.spacing[0], patient.spacing[2]))
    center = {
        name: nib.affines.apply_affine(affine, np.argwhere(to_lps(mask))).mean(axis=0)
        for name, mask in patient.structures.items()
    }  # RAS world, mm
    assert center["LeftParotid"][0] < center["SpinalCord"][0] - 30 < center["SpinalCord"][0] + 30
    assert center["RightParotid"][0] > center["SpinalCord"][0] + 30
    assert center["Mandible"][1] > center["SpinalCord"][1] + 50  # anterior
    assert center["Brainstem"][2] > center["SpinalCord"][2] + 50  # superior
    assert 65 < to_lps(patient.dose)[to_lps(patient.structures["PTV70"])].mean() < 76


def test_prepared_patient(openkbp_source: Path, tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    record = prepare_case(openkbp_source / COMPLETE, tmp_path / "training" / "pt_24")
    patient = read_patient(openkbp_source / COMPLETE)
    dose = nib.load(tmp_path / record["entry"]["dose"])
    assert nib.aff2axcodes(dose.affine) == ("L", "P", "S")
    assert np.array_equal(np.asanyarray(dose.dataobj), to_lps(patient.dose).astype(np.float32))
    labels = np.asanyarray(nib.load(tmp_path / record["entry"]["segmentation"]).dataobj)
    assert labels.max() == 4 and np.array_equal(labels == 4, to_lps(patient.structures["LeftParotid"]))
    assert record["entry"]["segmentation_present"] == [1, 1, 1, 1]


def test_a_patient_is_read_in_half_a_second(openkbp_source: Path) -> None:
    """CPU time, best of five. Measured: 0.10 to 0.12 s."""
    folders = [openkbp_source / name for name in ("train-pats/pt_11", COMPLETE, "test-pats/pt_242")]
    seconds = min(_seconds(lambda: [read_patient(folder) for folder in folders]) for _ in range(5))
    assert seconds / len(folders) < 0.5


def _seconds(action: Callable[[], object]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


@pytest.mark.slow
def test_all_patients_prepare(openkbp_source: Path, tmp_path: Path) -> None:
    datalist = prepare_openkbp(openkbp_source, tmp_path)
    assert [len(datalist[section]) for section in ("training", "validation", "test")] == [48, 8, 14]
    assert datalist["provenance"]["skipped"] == []
    lacking = [
        sum(0 in case["segmentation_present"] for case in datalist[s]) for s in ("training", "validation", "test")
    ]
    assert lacking == [4, 0, 2]
