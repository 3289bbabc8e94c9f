# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The command line that draws what a trained network attends to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from support import REPOSITORY, run_tool

from ctan_monai.networks import CTAN, HPS

TASKS = {"segmentation": {"level": "pixel", "out_channels": 5}, "dose": {"level": "pixel", "out_channels": 1}}
SMALL = "bundles/openkbp/configs/cpu.json"


def show(dataset_dir: Path, folder: Path, method: str, *options: str) -> tuple[int, str]:
    done = run_tool(
        "tools/show_attention.py", "--bundle", "openkbp", "--dataset_dir", str(dataset_dir), "--checkpoint",
        str(folder / "model.pt"), "--output", str(folder / "attention"), "--config_file", SMALL, "--method", method,
        *options,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_a_picture_of_each_case(phantom: Path, tmp_path: Path) -> None:
    data, tmp_path = tmp_path / "$data #1", tmp_path / "@run #2 %3"
    shutil.copytree(phantom, data)
    tmp_path.mkdir()
    network = CTAN(2, 3, TASKS, backbone="resnet18", stem="conv7x7", pretrained=False)
    torch.save(network.state_dict(), tmp_path / "model.pt")
    status, text = show(data, tmp_path, "CTAN")
    assert status == 0, text
    (case,) = (path.name for path in (phantom / "test").iterdir() if path.is_dir())
    found = json.loads((tmp_path / "attention" / "attention.json").read_text())
    assert list(found["cases"]) == [case]
    assert {task: len(stages) for task, stages in found["cases"][case]["saturated"].items()} == dict.fromkeys(TASKS, 4)
    within, of_mean = (found["cases"][case][f"deviation_{name}"] for name in ("within_channels", "of_the_mean"))
    assert all(w > m for task in TASKS for w, m in zip(within[task], of_mean[task], strict=True))
    assert set(found["cases"][case]["cosine_between_positions"]["dose"]) == {"input", "equation2"}
    with Image.open(tmp_path / "attention" / f"{case}_attention.png") as picture:
        assert min(picture.size) > 300


def test_code_in_the_trainings_record_is_refused(phantom: Path, tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text(json.dumps({"values": {"backbone": "$open('ran', 'w').name"}}))
    status, text = show(phantom, tmp_path, "CTAN")
    assert status == 2
    assert f"{tmp_path / 'training.json'}: the value of 'values: backbone' has \"$open('ran', 'w').name\"" in text
    assert not (REPOSITORY / "ran").exists()


@pytest.mark.parametrize(
    ("dataset", "options", "message"),
    [
        ("nowhere", (), "error: nowhere: no such dataset folder."),
        (None, ("--cases", "pt_999"), "section 'test' has no pt_999."),
        (None, (), "HPS has no attention: give the checkpoint of a CTAN or an MTAN."),
    ],
)
def test_mistakes_end_in_one_line(
    phantom: Path, tmp_path: Path, dataset: str | None, options: tuple[str, ...], message: str
) -> None:
    torch.save(HPS(2, 3, TASKS, backbone="resnet18", stem="conv7x7").state_dict(), tmp_path / "model.pt")
    status, text = show(Path(dataset) if dataset else phantom, tmp_path, "HPS", *options)
    assert status == 2
    assert message in text and "Traceback" not in text
    assert not (tmp_path / "attention").exists()
