# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ctan_monai.data.datalist import read_datalist
from ctan_monai.utils.errors import DataError


def _write(folder: Path, **sections: Any) -> Path:
    (folder / "datalist.json").write_text(json.dumps(sections))
    return folder


def _case(folder: Path, **more: Any) -> dict[str, Any]:
    for name in ("ct.nii", "dose.nii", "cord.nii.gz"):
        (folder / name).touch()
    return {
        "case_id": "pt_1",
        "image": "ct.nii",
        "dose": "dose.nii",
        "structures": {"SpinalCord": "cord.nii.gz"},
        **more,
    }


def test_paths_become_absolute_and_the_rest_stays(tmp_path: Path) -> None:
    _write(tmp_path, training=[_case(tmp_path, body_slices=[3, 4], diagnosis=2, sha256={"image": "ab"})])
    (case,) = read_datalist(tmp_path, "training", ["dose", "diagnosis"])
    assert case == {
        "case_id": "pt_1",
        "image": str(tmp_path / "ct.nii"),
        "dose": str(tmp_path / "dose.nii"),
        "structures": {"SpinalCord": str(tmp_path / "cord.nii.gz")},
        "body_slices": (3, 4),
        "diagnosis": 2,
        "sha256": {"image": "ab"},
    }


def test_a_relative_folder_gives_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, test=[_case(tmp_path)])
    monkeypatch.chdir(tmp_path.parent)
    assert read_datalist(tmp_path.name, "test")[0]["image"] == str(tmp_path / "ct.nii")


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none: no such dataset folder\. Make prepared data with ctan-monai prepare"):
        read_datalist(tmp_path / "none", "training")


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"datalist\.json: no such file; the dataset folder is empty"):
        read_datalist(tmp_path, "training")


def test_folder_of_other_things(tmp_path: Path) -> None:
    (tmp_path / "train-pats").mkdir()
    with pytest.raises(DataError, match="does not hold one"):
        read_datalist(tmp_path, "training")


@pytest.mark.parametrize("text, named", [("{", "cannot be read as JSON"), ("[]", "holds a list")])
def test_damaged_list(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "datalist.json").write_text(text)
    with pytest.raises(DataError, match=named):
        read_datalist(tmp_path, "training")


def test_unknown_section(tmp_path: Path) -> None:
    _write(tmp_path, training=[], test=[])
    with pytest.raises(DataError, match="no section 'validate'; its sections: training, test"):
        read_datalist(tmp_path, "validate")


def test_empty_section(tmp_path: Path) -> None:
    _write(tmp_path, training=[])
    with pytest.raises(DataError, match="section 'training' lists no case"):
        read_datalist(tmp_path, "training")


def test_listed_file_missing(tmp_path: Path) -> None:
    _write(tmp_path, training=[_case(tmp_path)])
    (tmp_path / "cord.nii.gz").unlink()
    with pytest.raises(DataError, match=r"cord\.nii\.gz: no such file"):
        read_datalist(tmp_path, "training")


def test_task_without_labels(tmp_path: Path) -> None:
    _write(tmp_path, training=[_case(tmp_path)])
    with pytest.raises(DataError, match="no case of section 'training' has labels for the task 'severity'"):
        read_datalist(tmp_path, "training", ["dose", "severity"])


def test_task_with_no_contour_at_all_has_no_labels(tmp_path: Path) -> None:
    _write(tmp_path, training=[_case(tmp_path, segmentation="dose.nii", segmentation_present=[0, 0])])
    with pytest.raises(DataError, match="'segmentation'"):
        read_datalist(tmp_path, "training", ["segmentation"])


def test_one_case_with_labels_is_enough(tmp_path: Path) -> None:
    other = _case(tmp_path, segmentation="dose.nii", segmentation_present=[0, 1])
    _write(tmp_path, training=[_case(tmp_path), other])
    assert len(read_datalist(tmp_path, "training", ["segmentation"])) == 2
