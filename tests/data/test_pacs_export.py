# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What is found in a PACS export, before a network runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from pacs_export import PATIENTS, expected_left_out, write_pacs_export

from ctan_monai.dicom import read_source
from ctan_monai.inference import find_inputs
from ctan_monai.transforms import CTReader

SHAPE = (16, 16, 6)
AFFINE = np.array([[-4.0, 0, 0, 30], [0, -4.0, 0, 30], [0, 0, 3.0, -9], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pacs") / "export"
    write_pacs_export(folder, np.random.default_rng(0).integers(-1000, 1000, SHAPE), AFFINE)
    return folder


def test_volumes_and_what_is_left_out(export: Path) -> None:
    found = find_inputs(export, dicom_output=True)
    assert {item["case_id"] for item in found} == {
        "ST1", "SE6", "KR2_ST1_SE2", "CN3_ST1_SE2", "DE4_ST1_SE2"
    }  # fmt: skip
    assert (found.left_out, found.unusable) == (expected_left_out(export), [])
    names = {read_source(item["image"]).slices[0].PatientID: item for item in found if item["case_id"] != "SE6"}
    reader = CTReader()
    for patient_id, item in names.items():
        array, _ = reader.get_data(reader.read(item["image"]))
        np.testing.assert_array_equal(array, np.random.default_rng(0).integers(-1000, 1000, SHAPE))
        assert str(read_source(item["image"]).slices[0].PatientName) == PATIENTS[patient_id].name


def test_the_planning_ct_alone_by_its_name(export: Path) -> None:
    found = find_inputs(export, series="axial 3.0")
    assert {item["case_id"] for item in found} == {"ST1", "KR2_ST1_SE2", "CN3_ST1_SE2", "DE4_ST1_SE2"}
    chosen = f"{export}/JP1/ST1/SE6: CT series 6 'CBCT', not chosen by --series ({SHAPE[2]} files)"
    assert found.left_out == sorted([*expected_left_out(export), chosen])


def test_a_zip_of_it(export: Path, tmp_path: Path) -> None:
    path = Path(shutil.make_archive(str(tmp_path / "media"), "zip", export))
    found = find_inputs(path, dicom_output=True)
    assert {item["case_id"] for item in found} == {item["case_id"] for item in find_inputs(export)}
    assert found.left_out == [line.replace(str(export), str(path)) for line in expected_left_out(export)]


def test_its_targets(export: Path) -> None:
    found = find_inputs(export / "JP1", targets=True, series="AXIAL 3.0")
    (item,) = found
    assert item["targets"] == str(export / "JP1" / "ST1" / "SE7" / "IM1")
