# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import json
import re
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from ctan_monai import __version__
from ctan_monai.inference import ResultsFolder, SaveImagesd
from ctan_monai.utils import Stopwatch

AFFINE = np.array([[0, -2.0, 0, 30.25], [0, 0, -3.0, 40], [5.0, 0, 0, -100], [0, 0, 0, 1]])
NAMES = {"pred": "segmentation", "dose": "dose"}


def item() -> dict:
    meta = {"filename_or_obj": "/data/p1/CT", "original_affine": torch.from_numpy(AFFINE)}
    return {
        "case_id": "p1",
        "image": MetaTensor(torch.zeros(1, 2, 2, 2), meta=meta),
        "pred": MetaTensor(torch.arange(24, dtype=torch.uint8).reshape(1, 2, 3, 4)),
        "dose": MetaTensor(torch.arange(24.0).reshape(1, 2, 3, 4) / 7),
        "report": {"plausible": True},
    }


def test_files_hold_the_arrays_on_the_original_grid(tmp_path: Path) -> None:
    data = item()
    (tmp_path / "model.pt").write_bytes(b"weights")
    SaveImagesd(NAMES, ResultsFolder(tmp_path / "new" / "folder", "prostate", tmp_path / "model.pt"))(data)
    folder = tmp_path / "new" / "folder"
    assert sorted(p.name for p in folder.iterdir()) == ["p1_dose.nii.gz", "p1_report.json", "p1_segmentation.nii.gz"]
    for key, name, dtype in (("pred", "segmentation", np.uint8), ("dose", "dose", np.float32)):
        image = nib.load(folder / f"p1_{name}.nii.gz")
        assert image.get_data_dtype() == dtype
        np.testing.assert_array_equal(np.asarray(image.dataobj), data[key][0])
        np.testing.assert_allclose(image.get_sform(), AFFINE)
        np.testing.assert_allclose(image.get_qform(), AFFINE, atol=1e-5)
        assert image.header.get_xyzt_units()[0] == "mm"
    report = json.loads((folder / "p1_report.json").read_text())
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC", report.pop("made"))
    digest = hashlib.sha256(b"weights").hexdigest()[:12]
    about = (
        f"Research use only, predicted by ctan-monai prostate {__version__}, weights {digest}; not reviewed by anyone."
    )
    assert report == {"plausible": True, "about": about, "weights_sha256": digest}
    assert bytes(image.header["descrip"]).decode().startswith("Research use only, predicted by ctan-monai prostate")


def test_the_report_states_the_seconds_of_each_part(tmp_path: Path) -> None:
    stopwatch = Stopwatch()
    stopwatch.seconds = {"reading": 1.234, "network": 2.0}
    time.sleep(0.02)  # seconds are written with two digits, and these files take less than 5 ms
    SaveImagesd(NAMES, ResultsFolder(tmp_path, "prostate"))({**item(), "stopwatch": stopwatch})
    seconds = json.loads((tmp_path / "p1_report.json").read_text())["seconds"]
    assert list(seconds) == ["reading", "network", "writing"]
    assert (seconds["reading"], seconds["network"]) == (1.23, 2.0)
    assert 0 < seconds["writing"] < 60


@pytest.mark.parametrize("usable", [True, False])
def test_files_of_a_case_that_is_not_usable_say_so(usable: bool, tmp_path: Path) -> None:
    data = {**item(), "report": {"usable": usable, "unusable_because": "" if usable else "Another site."}}
    SaveImagesd(NAMES, ResultsFolder(tmp_path, "prostate"))(data)
    header = nib.load(tmp_path / "p1_segmentation.nii.gz").header
    assert bytes(header["descrip"]).startswith(b"IMPLAUSIBLE, DO NOT USE. ") != usable
    assert json.loads((tmp_path / "p1_report.json").read_text())["usable"] is usable


def test_missing_prediction_and_name_from_the_input(tmp_path: Path) -> None:
    data = item()
    del data["dose"], data["case_id"], data["report"]
    SaveImagesd(NAMES, ResultsFolder(tmp_path, "prostate"))(data)
    assert [p.name for p in tmp_path.iterdir()] == ["CT_segmentation.nii.gz"]


def test_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"p1_segmentation.nii.gz: cannot be written .* another --output_dir"):
        SaveImagesd(NAMES, ResultsFolder(tmp_path / "file", "prostate"))(item())
