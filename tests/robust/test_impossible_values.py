# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Values that no CT, dose or record can have: one damaged bit of a float makes 1e20."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from dicom_cases import affine_of, dose_map, write_ct

from ctan_monai.comparison.collect import load_result
from ctan_monai.comparison.plan import Run
from ctan_monai.data import expand_slices, read_datalist
from ctan_monai.data.openkbp.patient import SHAPE, OpenKBPPatient, read_dose_csv, read_patient, write_patient
from ctan_monai.data.openkbp.sparse_csv import write_sparse_csv
from ctan_monai.data.preparation.case_folder import write_case_folder
from ctan_monai.dicom import read_dose, write_rtdose
from ctan_monai.evaluation.openkbp_score import read_prediction
from ctan_monai.imaging import check_axes
from ctan_monai.imaging.nifti import check_nifti
from ctan_monai.inference.results_folder import ResultsFolder
from ctan_monai.transforms import CTReader
from ctan_monai.utils.errors import DataError, InputError
from ctan_monai.utils.files import parse_json, read_json, read_training_record
from ctan_monai.utils.limits import MOST_GY, MOST_HU


def _read_ct(path: Path) -> np.ndarray:
    reader = CTReader()
    return reader.get_data(reader.read(path))[0]


@pytest.mark.parametrize("value", [1e20, -1e20, MOST_HU + 1])
def test_voxels_that_are_not_hu(value: float, tmp_path: Path) -> None:
    voxels = np.full((8, 8, 4), -1000, np.float32)
    voxels[0, 0, 0] = MOST_HU
    for number in (voxels[0, 0, 0], value):
        voxels[0, 0, 0] = number
        image = nib.Nifti1Image(voxels, np.diag([-1, -1, 3, 1]))
        image.header.set_sform(image.affine, 1)
        nib.save(image, tmp_path / f"{number > MOST_HU or number < 0}.nii")
    assert _read_ct(tmp_path / "False.nii").max() == MOST_HU
    with pytest.raises(InputError, match=r"True\.nii: holds values up to .*; expected HU, at most 65535 up or down"):
        _read_ct(tmp_path / "True.nii")


@pytest.mark.parametrize("value", ["1e20", "nan", "-1e20", "65536.0"])
def test_ct_csv(value: str, tmp_path: Path) -> None:
    ct = np.zeros(SHAPE, np.int32)
    ct[60:70, 60:70, 120:] = 1000
    write_patient(tmp_path, OpenKBPPatient(ct, ct / 100.0, ct > 0, (1.0, 1.0, 2.0)))
    assert read_patient(tmp_path).ct.max() == 1000
    path = tmp_path / "ct.csv"
    path.write_text(path.read_text().replace(",1000.0\n", f",{value}\n", 1))
    with pytest.raises(DataError, match=r"ct\.csv: .*expected (HU \+ 1024, at most 65535|a finite number)"):
        read_patient(tmp_path)


def test_doses_in_csv(tmp_path: Path) -> None:
    path = tmp_path / "pt_1.csv"
    for value, wrong in ((float(MOST_GY), False), (MOST_GY + 1.0, True), (1e20, True)):
        write_sparse_csv(path, np.array([5, 9]), np.array([1.0, value]))
        for read in (read_dose_csv, read_prediction):
            if not wrong:
                assert read(path).max() == value
                continue
            with pytest.raises(DataError, match=r"pt_1\.csv: .*10,000"):
                read(path)


def test_rtdose(tmp_path: Path) -> None:
    source = write_ct(tmp_path / "ct")
    write_rtdose(tmp_path / "RD.dcm", source, dose_map(), affine_of("HFS"))
    frame = source.slices[0].FrameOfReferenceUID
    assert 60 < read_dose(tmp_path / "RD.dcm", frame).gray.max() < 80
    dataset = pydicom.dcmread(tmp_path / "RD.dcm")
    dataset.DoseGridScaling = "1e10"
    dataset.save_as(tmp_path / "RD.dcm")
    with pytest.raises(
        InputError, match=r"RD\.dcm: holds values up to .* Gy, expected at most 10,000; its DoseGridScaling"
    ):
        read_dose(tmp_path / "RD.dcm", frame)


@pytest.mark.parametrize("text", ["[NaN]", "[Infinity]", "[-Infinity]", "[1e400]", "[" * 100_000, "", "{"])
def test_json_that_python_alone_takes(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)


def test_json_is_read_as_it_is() -> None:
    text = '{"a": [1, -2.5, 1e20, null, true, "NaN"], "b": {}}'
    assert parse_json(text) == json.loads(text)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a": NaN}'])
@pytest.mark.parametrize(
    "name, read",
    [
        ("training.json", read_training_record),
        ("inputs.json", lambda folder: ResultsFolder(folder, "x").claim([])),
        ("datalist.json", lambda folder: read_datalist(folder, "test")),
        ("x.json", lambda folder: read_json(folder / "x.json", "an object.")),
        ("x.json", lambda folder: load_result(folder / "x.json", Run("CTAN", ("dose",), "DWA", 0))),
    ],
)
def test_records(content: str, name: str, read: Callable[[Path], Any], tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=name):
        read(tmp_path)


def test_a_damaged_record_of_a_preparation_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "cases" / "x"
    for content in (None, "[" * 100_000, "{}", '{"format": 1, "sizes": {"a": NaN}}'):
        if content is not None:
            (folder / "case.json").write_text(content)
        assert not write_case_folder(folder, {"format": 1}, lambda place: {"sizes": {}})["reused"]
    assert write_case_folder(folder, {"format": 1}, lambda place: {"sizes": {}})["reused"]


@pytest.mark.parametrize(
    "identity", [{"image": "a", "sha256": 3}, {"image": None, "series_instance_uid": "1"}, [], None]
)
def test_identities_that_are_not_text(identity: Any, tmp_path: Path) -> None:
    (tmp_path / "inputs.json").write_text(json.dumps({"a": identity}))
    with pytest.raises(InputError, match=r"inputs\.json: cannot be read"):
        ResultsFolder(tmp_path, "x").claim([])


def test_an_empty_table_of_results(tmp_path: Path) -> None:
    (tmp_path / "predictions.csv").write_text("")
    with pytest.raises(InputError, match=r"predictions\.csv: is not a table of results"):
        ResultsFolder(tmp_path, "x").write_table("predictions.csv", {"a": {"dice": 1.0}})


@pytest.mark.parametrize("name", ["../secret.nii", "/etc/hostname", "a/../../secret.nii"])
def test_a_data_list_names_no_file_elsewhere(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.nii").write_text("x")
    (tmp_path / "data" / "a").mkdir(parents=True)
    (tmp_path / "data" / "datalist.json").write_text(json.dumps({"test": [{"case_id": "a", "image": name}]}))
    with pytest.raises(DataError, match="which is not in its folder"):
        read_datalist(tmp_path / "data", "test")


@pytest.mark.parametrize("place", [(0, 0), (0, 3), (2, 3)])
def test_places_beyond_any_room(place: tuple[int, int]) -> None:
    affine = np.diag([-1.0, -1.0, 3.0, 1.0])
    check_axes(affine, "x.nii")
    affine[place] = 1e20
    with pytest.raises(InputError, match=r"x\.nii: its spacing or position has the value 1e\+20 mm"):
        check_axes(affine, "x.nii")


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_nifti_header_with_two_voxel_sizes(axis: int, tmp_path: Path) -> None:
    """Found by make torture: MONAI's reader puts pixdim's size in place of the sform's."""
    image = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), np.diag([-2.0, -3.0, 5.0, 1.0]))
    zooms = [2.0, 3.0, 5.0]
    zooms[axis] *= 1.005  # rounded elsewhere
    image.header.set_zooms(zooms)
    nib.save(image, tmp_path / "near.nii")
    check_nifti(tmp_path / "near.nii")
    zooms[axis] *= 1.1
    image.header.set_zooms(zooms)
    nib.save(image, tmp_path / "far.nii")
    with pytest.raises(InputError, match=r"far\.nii: its header has two voxel sizes.*2 x 3 x 5 mm \(sform\)"):
        check_nifti(tmp_path / "far.nii")


def test_a_case_of_a_data_list_without_its_slices() -> None:
    with pytest.raises(DataError, match="'a' has no 'body_slices'"):
        expand_slices([{"case_id": "a", "image": "a.nii"}])
