# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import errno
import importlib.util
import json
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from ctan_monai.command.prepare import add_arguments
from ctan_monai.data.datalist import read_datalist
from ctan_monai.data.openkbp import case as openkbp_case
from ctan_monai.data.openkbp.patient import SHAPE, OpenKBPPatient, write_patient
from ctan_monai.data.openkbp.prepare import prepare_openkbp, run
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import file_sha256

SPLITS = {"train-pats": (2, 11), "validation-pats": (20,), "test-pats": (30,)}


def _patient() -> OpenKBPPatient:
    """A box of tissue over official k = 50..53 (prepared z = 74..77); the cord has a voxel in common with the stem."""
    ct, mask = np.zeros(SHAPE, np.int32), np.zeros(SHAPE, bool)
    ct[40:60, 30:70, 50:54] = 1064  # 40 HU
    ct[40, 30, 50] = 32743
    mask[45:55, 40:50, 50:54] = True
    structures = {name: np.zeros(SHAPE, bool) for name in ("Brainstem", "SpinalCord", "LeftParotid", "PTV70")}
    structures["Brainstem"][50, 45, 50:52] = True
    structures["SpinalCord"][50, 45, 51:54] = True
    structures["LeftParotid"][50, 60, 51] = True
    structures["PTV70"][mask] = True
    return OpenKBPPatient(ct, mask * 60.0, mask, (4.0, 3.0, 2.0), structures)


@pytest.fixture()
def source(tmp_path: Path) -> Path:
    for split, numbers in SPLITS.items():
        for number in numbers:
            write_patient(tmp_path / "release" / "provided-data" / split / f"pt_{number}", _patient())
    return tmp_path / "release" / "provided-data"


def _read(path: Path) -> np.ndarray:
    return np.asanyarray(nib.load(path).dataobj)


def test_volumes(source: Path, tmp_path: Path) -> None:
    prepare_openkbp(source, tmp_path / "out")
    folder = tmp_path / "out" / "training" / "pt_2"
    image = nib.load(folder / "ct.nii")
    assert nib.aff2axcodes(image.affine) == ("L", "P", "S")
    assert image.header.get_zooms() == (3.0, 4.0, 2.0)  # x, y, z; the CSV is in the order y, x, z
    ct, dose, labels = (_read(folder / f"{name}.nii") for name in ("ct", "dose", "segmentation"))
    assert (ct.dtype, dose.dtype, labels.dtype) == (np.int16, np.float32, np.uint8)
    assert ct[31, 41, 74] == 40 and ct[0, 0, 0] == -1024
    assert ct[30, 40, 77] == 3071  # 32743 clipped to 4095, less 1024; official (40, 30, 50)
    assert dose[45, 50, 77] == 60.0
    # x = 45, y = 50: k = 50, 51 are brain stem, 51..53 cord; where both are, the lower label stays.
    assert labels[45, 50].nonzero()[0].tolist() == [74, 75, 76, 77]
    assert labels[45, 50, 74:78].tolist() == [2, 2, 1, 1]
    assert labels[60, 50, 76] == 4 and (labels == 3).sum() == 0
    assert _read(folder / "possible_dose_mask.nii.gz").sum() == 400
    assert _read(folder / "structures" / "SpinalCord.nii.gz")[45, 50, 74:78].tolist() == [1, 1, 1, 0]


def test_datalist(source: Path, tmp_path: Path) -> None:
    datalist = prepare_openkbp(source, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "datalist.json").read_text()) == datalist
    assert [case["case_id"] for case in datalist["training"]] == ["pt_2", "pt_11"]
    assert (datalist["numTraining"], datalist["numTest"]) == (2, 1)
    assert datalist["labels"]["4"] == "left_parotid"
    case = datalist["training"][0]
    assert case["image"] == "training/pt_2/ct.nii"
    assert case["segmentation_present"] == [1, 1, 0, 1]
    assert sorted(case["structures"]) == ["Brainstem", "LeftParotid", "PTV70", "SpinalCord"]
    assert case["body_slices"] == [74, 75, 76, 77]
    assert case["spacing"] == [3.0, 4.0, 2.0]
    assert case["sha256"]["dose"] == file_sha256(tmp_path / "out" / case["dose"])
    assert len(read_datalist(tmp_path / "out", "training", ["segmentation", "dose"])) == 2


def test_statistics_of_the_training_patients(source: Path, tmp_path: Path) -> None:
    statistics = prepare_openkbp(source, tmp_path / "out")["statistics"]
    voxel = 0.024  # cc
    assert statistics["median_spacing"] == [3.0, 4.0, 2.0]
    assert statistics["organ_volume_cc"]["spinal_cord"] == pytest.approx(
        {"min": 3 * voxel, "max": 3 * voxel, "mean": 3 * voxel, "count": 2}
    )
    assert "right_parotid" not in statistics["organ_volume_cc"]
    assert statistics["body_volume_cc"]["max"] == pytest.approx(3200 * voxel)
    assert statistics["max_dose_gy"]["max"] == 60.0
    assert statistics["mean_mask_dose_gy"]["mean"] == 60.0
    assert statistics["mean_body_dose_gy"]["mean"] == pytest.approx(60 * 400 / 3200)


def test_a_second_run_reuses_what_is_done_and_redoes_what_changed(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = prepare_openkbp(source, out)
    changed = _patient()
    changed.dose[changed.possible_dose_mask] = 30.0
    write_patient(source / "train-pats" / "pt_11", changed)
    (out / "test" / "pt_30" / "dose.nii").write_bytes(b"cut off")
    times = {path.parent.name: path.stat().st_mtime_ns for path in out.glob("*/*/ct.nii")}
    second = prepare_openkbp(source, out)
    rewritten = {
        path.parent.name for path in out.glob("*/*/ct.nii") if path.stat().st_mtime_ns != times[path.parent.name]
    }
    assert rewritten == {"pt_11", "pt_30"}
    assert second["training"][0] == first["training"][0] and second["test"] == first["test"]
    assert _read(out / "training" / "pt_11" / "dose.nii").max() == 30.0
    assert not list(out.glob("*/.*"))  # nothing temporary left


def test_two_workers_write_the_same(source: Path, tmp_path: Path) -> None:
    shutil.rmtree(source / "train-pats" / "pt_11")
    one, two = (prepare_openkbp(source, tmp_path / str(workers), workers) for workers in (1, 2))
    for key in ("training", "validation", "test", "statistics"):
        assert one[key] == two[key]


def test_a_parent_of_the_release_is_accepted(source: Path, tmp_path: Path) -> None:
    assert len(prepare_openkbp(source.parent, tmp_path / "out")["training"]) == 2


def test_an_empty_contour_counts_as_absent_with_a_note(source: Path, tmp_path: Path) -> None:
    (source / "train-pats" / "pt_2" / "LeftParotid.csv").write_text(",data\n")
    datalist = prepare_openkbp(source, tmp_path / "out")
    assert datalist["training"][0]["segmentation_present"] == [1, 1, 0, 0]
    assert datalist["provenance"]["notes"] == ["pt_2: LeftParotid is empty, taken as not contoured"]


BAD_PATIENTS = [  # file, its content (None: removed), what the reason must name
    ("ct.csv", None, "ct.csv missing or empty"),
    ("dose.csv", "", "dose.csv missing or empty"),
    ("dose.csv", ",data\n5,26.4\n6,2", "cut off"),
    ("dose.csv", ",data\n5,nan\n", "value nan"),
    ("ct.csv", ",data\n9999999,2.0\n", "voxel index 9999999"),
    ("ct.csv", ",data\n5,1.0\n", "no voxel above -300 HU"),
    ("possible_dose_mask.csv", ",data\n", "holds no voxel"),
]


@pytest.mark.parametrize("name, content, reason", BAD_PATIENTS)
def test_a_bad_patient_is_skipped_and_named(
    source: Path, tmp_path: Path, name: str, content: str | None, reason: str
) -> None:
    for other in ("validation-pats", "test-pats"):  # a small release, quick to prepare
        shutil.rmtree(source / other)
    path = source / "train-pats" / "pt_2" / name
    path.unlink()
    if content is not None:
        path.write_text(content)
    datalist = prepare_openkbp(source, tmp_path / "out")
    assert [case["case_id"] for case in datalist["training"]] == ["pt_11"]
    (skipped,) = datalist["provenance"]["skipped"]
    assert (skipped["section"], skipped["case_id"]) == ("training", "pt_2")
    assert reason in skipped["reason"] and "pt_2" in skipped["reason"]


def test_strict(source: Path, tmp_path: Path) -> None:
    (source / "train-pats" / "pt_2" / "ct.csv").unlink()
    with pytest.raises(DataError, match="1 patients cannot be used"):
        prepare_openkbp(source, tmp_path / "out", strict=True)
    assert not (tmp_path / "out").exists()  # told before any time was spent


def test_nothing_usable(source: Path, tmp_path: Path) -> None:
    for path in source.glob("*/*/ct.csv"):
        path.unlink()
    with pytest.raises(DataError, match="4 patients cannot be used"):
        prepare_openkbp(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("make, named", [(False, "no such folder"), (True, "it holds nothing")])
def test_source_is_no_release(tmp_path: Path, make: bool, named: str) -> None:
    if make:
        (tmp_path / "empty").mkdir()
    with pytest.raises(
        DataError, match=rf"empty: not the OpenKBP release: {named}\. Expected the folder provided-data"
    ):
        prepare_openkbp(tmp_path / "empty", tmp_path / "out")


def test_release_without_patients(tmp_path: Path) -> None:
    (tmp_path / "train-pats").mkdir()
    with pytest.raises(DataError, match="no patient's folder pt_N"):
        prepare_openkbp(tmp_path, tmp_path / "out")


def test_output_that_cannot_be_written(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"out' \(Not a directory\): choose another one with --output\."):
        prepare_openkbp(source, tmp_path / "file" / "out")


def test_disk_too_small(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")(10, 9, 1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match=r"has 1 MB free, and about 7\d MB are needed"):
        prepare_openkbp(source, tmp_path / "out")


def test_disk_that_fills_up_on_the_way(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(openkbp_case, "write_nifti", full)
        with pytest.raises(DataError, match=r"pt_2: cannot be written \(No space left on device\).*goes on where it"):
            prepare_openkbp(source, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*/*")) and not (tmp_path / "out" / "datalist.json").exists()
    assert len(prepare_openkbp(source, tmp_path / "out")["training"]) == 2


def test_command(source: Path, tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("prepare_data", repository / "tools" / "prepare_data.py")
    assert spec is not None and spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    (source / "train-pats" / "pt_2" / "dose.csv").unlink()
    arguments = ["openkbp", "--source", str(source), "--output", str(tmp_path / "out")]
    assert tool.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "Prepared 1 training, 1 validation, 1 test patients" in printed
    assert "skipped training/pt_2" in printed and "dose.csv missing or empty" in printed
    assert tool.main([*arguments, "--strict"]) == 2
    assert "error: " in capsys.readouterr().err


def test_an_empty_section_is_told(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in (source / "validation-pats").glob("*/ct.csv"):
        file.unlink()
    parser = argparse.ArgumentParser()
    add_arguments("openkbp", parser)
    run(parser.parse_args(["--source", str(source), "--output", str(tmp_path / "out")]))
    assert "warning: no validation patient is left" in capsys.readouterr().err


@pytest.mark.parametrize("root", ["", "open-kbp-master"], ids=["as it is", "GitHub's"])
def test_the_releases_zip(root: str, source: Path, tmp_path: Path) -> None:
    shutil.copytree(source, tmp_path / "zip" / root / "provided-data")
    (tmp_path / "zip" / root / "provided-data" / "train-pats" / "pt_11" / "ct.csv").unlink()
    path = Path(shutil.make_archive(str(tmp_path / "release"), "zip", tmp_path / "zip"))
    prepare_openkbp(source, tmp_path / "expected")
    datalist = prepare_openkbp(path, tmp_path / "out")
    (skipped,) = datalist["provenance"]["skipped"]
    assert str(Path(str(path), root, "provided-data", "train-pats", "pt_11")) in skipped["reason"]
    for name in ("training/pt_2", "validation/pt_20", "test/pt_30"):
        np.testing.assert_array_equal(
            _read(tmp_path / "out" / name / "ct.nii"), _read(tmp_path / "expected" / name / "ct.nii")
        )
