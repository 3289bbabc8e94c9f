# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from ctan_monai.metrics import summarize
from ctan_monai.utils import write_csv
from ctan_monai.utils.csv_tables import write_per_patient_csv, write_summary_csv
from ctan_monai.utils.files import write_json


def test_json_has_null_for_nan_and_python_numbers(tmp_path: Path) -> None:
    content = {
        "a": np.float32(0.5),
        1: [np.nan, float("inf"), None],
        "b": np.arange(2),
        "c": Path("x"),
        "d": np.bool_(True),
    }
    path = write_json(tmp_path / "new" / "r.json", content)
    assert "NaN" not in path.read_text()
    assert json.loads(path.read_text()) == {"a": 0.5, "1": [None, None, None], "b": [0, 1], "c": "x", "d": True}


def test_csv_round_trip(tmp_path: Path) -> None:
    third = 1 / 3
    path = write_csv(
        tmp_path / "t.csv", [{"case_id": 'pt_1, "a"', "x": third}, {"case_id": "pt_2", "x": None, "y": np.nan}]
    )
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{"case_id": 'pt_1, "a"', "x": repr(third), "y": ""}, {"case_id": "pt_2", "x": "", "y": ""}]
    assert float(rows[0]["x"]) == third


def test_patients_and_summary_as_csv(tmp_path: Path) -> None:
    rows = {
        "pt_1": {"dice_cord": 40.0, "hd95_cord": 3.0, "dvh_error_PTV70_D_1": 2.0},
        "pt_2": {"dice_cord": 0.0, "hd95_cord": None, "dvh_error_PTV70_D_1": None},
    }
    write_per_patient_csv(tmp_path / "p.csv", rows)
    assert (tmp_path / "p.csv").read_text().splitlines() == [
        "case_id,dice_cord,hd95_cord,dvh_error_PTV70_D_1",
        "pt_1,40.0,3.0,2.0",
        "pt_2,0.0,,",
    ]
    write_summary_csv(tmp_path / "s.csv", summarize(list(rows.values())))
    assert (tmp_path / "s.csv").read_text().splitlines() == [
        "metric,mean,std,n",
        f"dice_cord,20.0,{np.std([40, 0], ddof=1)},2",
        "hd95_cord,3.0,,1",
        "dvh_error_PTV70_D_1,2.0,,1",
        "dvh_score,2.0,,2",
        "missed_cord,,,1",
    ]


def test_a_failing_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_json(tmp_path / "r.json", {"old": 1})

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_json(path, {"new": 2})
    with pytest.raises(OSError, match="No space"):
        write_csv(path, [{"new": 2}])
    assert json.loads(path.read_text()) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


def test_what_json_cannot_hold_leaves_the_old_file(tmp_path: Path) -> None:
    path = write_json(tmp_path / "r.json", {"old": 1})
    with pytest.raises(TypeError):
        write_json(path, {"new": object()})
    assert json.loads(path.read_text()) == {"old": 1}
