# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ctan_monai.data.openkbp.patient import (
    SHAPE,
    OpenKBPPatient,
    from_lps,
    lps_affine,
    read_dose_csv,
    read_patient,
    to_lps,
    write_dose_csv,
    write_patient,
)
from ctan_monai.utils.errors import DataError

# Official index of y = 1, x = 2, k = 3: 1 * 128 * 128 + 2 * 128 + 3.
FLAT, OFFICIAL, LPS = 16643, (1, 2, 3), (2, 1, 124)


def _patient() -> OpenKBPPatient:
    ct, dose, mask = np.zeros(SHAPE, np.int32), np.zeros(SHAPE), np.zeros(SHAPE, bool)
    ct[OFFICIAL], dose[OFFICIAL], mask[OFFICIAL] = 32743, 26.446, True
    ct[5, 6, 7] = 1
    return OpenKBPPatient(ct, dose, mask, (3.906, 3.75, 2.32), {"Brainstem": mask.copy(), "PTV70": np.roll(mask, 1, 0)})


@pytest.fixture()
def folder(tmp_path: Path) -> Path:
    write_patient(tmp_path / "pt_1", _patient())
    return tmp_path / "pt_1"


def test_text_is_the_challenges(folder: Path) -> None:
    assert (folder / "dose.csv").read_text() == f",data\n{FLAT},26.446\n"
    assert (folder / "Brainstem.csv").read_text() == f",data\n{FLAT},\n"
    assert (folder / "ct.csv").read_text().startswith(f",data\n{FLAT},32743.0\n")
    assert (folder / "voxel_dimensions.csv").read_text().split("\n")[0].startswith("3.906")


def test_round_trip(folder: Path) -> None:
    written, patient = _patient(), read_patient(folder)
    assert np.array_equal(patient.ct, written.ct) and patient.ct.dtype == np.int32
    assert np.array_equal(patient.dose, written.dose) and patient.dose.dtype == np.float64
    assert np.array_equal(patient.possible_dose_mask, written.possible_dose_mask)
    assert patient.spacing == (3.906, 3.75, 2.32)
    assert list(patient.structures) == ["Brainstem", "PTV70"]
    assert all(np.array_equal(mask, written.structures[name]) for name, mask in patient.structures.items())


def test_axes() -> None:
    dose = _patient().dose
    assert dose.reshape(-1)[FLAT] == 26.446
    assert to_lps(dose)[LPS] == 26.446
    assert np.array_equal(from_lps(to_lps(dose)), dose)
    assert from_lps(to_lps(dose)).flags.c_contiguous


def test_affine_puts_the_center_at_the_origin_and_axes_to_left_posterior_superior() -> None:
    affine = lps_affine((2.0, 3.0, 4.0), (5, 5, 5))
    assert nib.aff2axcodes(affine) == ("L", "P", "S")
    assert np.allclose(nib.affines.apply_affine(affine, [2, 2, 2]), 0)
    assert np.allclose(
        nib.affines.apply_affine(affine, [3, 3, 3]), [-2, -3, 4]
    )  # RAS world: left and back are negative


def test_submission_is_rounded_to_a_milligray_and_drops_zeros(tmp_path: Path) -> None:
    dose = np.zeros(SHAPE, np.float32)
    dose[OFFICIAL], dose[0, 0, 0] = 70.12345, 0.0004
    write_dose_csv(tmp_path / "pt_1.csv", dose)
    assert (tmp_path / "pt_1.csv").read_text() == f",data\n{FLAT},70.123\n"
    assert read_dose_csv(tmp_path / "pt_1.csv")[OFFICIAL] == 70.123


def test_submission_of_another_shape(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\(2, 2, 2\), expected \(128, 128, 128\)"):
        write_dose_csv(tmp_path / "pt_1.csv", np.zeros((2, 2, 2)))


@pytest.mark.parametrize("name", ["ct.csv", "dose.csv", "possible_dose_mask.csv", "voxel_dimensions.csv"])
def test_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(DataError, match=rf"pt_1: lacks {name}\. Copy"):
        read_patient(folder)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="pt_7: no such folder"):
        read_patient(tmp_path / "pt_7")


@pytest.mark.parametrize(
    "name, content, named",
    [
        ("ct.csv", ",data\n", "holds no voxel"),
        ("dose.csv", ",data\n5,-0.5\n", "dose -0.5 Gy"),
        ("dose.csv", ",data\n2097152,1.0\n", "index 2097152, expected 0 to 2097151"),
        ("voxel_dimensions.csv", "3.9\n3.9\n", "expected three voxel sizes"),
        ("voxel_dimensions.csv", "3.9\n3.9\nnan\n", "expected three voxel sizes"),
        ("voxel_dimensions.csv", "3.9\n3.9\nwide\n", "cannot be read as three voxel sizes"),
    ],
)
def test_damaged_file_is_named(folder: Path, name: str, content: str, named: str) -> None:
    (folder / name).write_text(content)
    with pytest.raises(DataError) as error:
        read_patient(folder)
    assert str(folder / name) in str(error.value) and named in str(error.value)
