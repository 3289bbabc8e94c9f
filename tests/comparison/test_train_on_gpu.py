# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Training side by side on one GPU, tried on the CPU with one real patient a section."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.transforms import Compose, EnsureTyped, SelectItemsd
from support import REPOSITORY, run_tool

from ctan_monai.data import expand_slices, read_datalist
from ctan_monai.transforms import LoadAxialSliced, NetworkInputd

KEYS = ["image", "segmentation", "dose", "targets"]
INPUTS = {"targets": True, "context": [-7.5, -2.5, 2.5, 7.5], "position": True}
VALUES = {
    "windows": [[-160, 240], [-450, 1050], [-1024, 1024]],
    "dose_scale": 70.0,
    "augment_probability": 0.0,
    "mirror_probability": 0.0,
    **INPUTS,
}


@pytest.fixture(scope="module")
def gpu_data():
    sys.path.insert(0, str(REPOSITORY / "tools"))
    import gpu_data

    yield gpu_data
    sys.path.remove(str(REPOSITORY / "tools"))


@pytest.fixture(scope="module")
def folders(openkbp_source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Prepared and packed data of one patient a section."""
    folder = tmp_path_factory.mktemp("gpu")
    for split in ("train-pats", "validation-pats", "test-pats"):
        patient = sorted((openkbp_source / split).iterdir())[0]
        shutil.copytree(patient, folder / "source" / split / patient.name)
    prepared, packed = folder / "prepared", folder / "packed"
    for command in (
        ["tools/prepare_data.py", "openkbp", "--source", str(folder / "source"), "--output", str(prepared)],
        ["tools/train_on_gpu.py", "pack", "--dataset_dir", str(prepared), "--output", str(packed)],
    ):
        done = run_tool(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    return prepared, packed


def test_packed_slices_are_the_bundles(gpu_data, folders: tuple[Path, Path]) -> None:
    """To 1.25 HU in the soft tissue's window, 0.05 Gy, and each label."""
    prepared, packed = folders
    data = gpu_data.OpenKBP(packed, 1)
    data.to(torch.device("cpu"))
    items = expand_slices(read_datalist(prepared, "training"))
    load = Compose(
        [
            LoadAxialSliced(KEYS, context=INPUTS["context"]),
            NetworkInputd("image", VALUES["windows"], **INPUTS),
            SelectItemsd(KEYS),
            EnsureTyped(KEYS),
        ]
    )
    numbers = [30, 64, len(items) - 1]
    shape = (1, len(numbers))
    drawn = data.draw(shape, np.random.default_rng(0), VALUES)
    inputs = {name: torch.from_numpy(array)[0] for name, array in drawn.items()}
    image, targets = data.batch({**inputs, "index": torch.tensor([data.trained[n] for n in numbers])}, VALUES)
    for k, number in enumerate(numbers):
        expected = load(items[number])
        soft = [0, *range(4, 12)]  # not the windows of bone and air, whose codes are coarser
        torch.testing.assert_close(image[k, soft], expected["image"][soft], atol=1.25 / 400 + 1e-4, rtol=0)
        torch.testing.assert_close(image[k, [3, 12]], expected["image"][[3, 12]], atol=1e-5, rtol=0)
        torch.testing.assert_close(targets["dose"][k], expected["dose"], atol=0.0501, rtol=0)
        assert torch.equal(targets["segmentation"][k], expected["segmentation"])
    assert targets["segmentation"].max() > 0 and image[:, 3].max() == 1.0


def test_a_mirrored_patient_has_the_other_parotid(gpu_data, folders: tuple[Path, Path]) -> None:
    data = gpu_data.OpenKBP(folders[1], 1)
    data.to(torch.device("cpu"))
    labels = data.arrays["training"]["labels"]
    index = torch.tensor([int(((labels == 3).sum((1, 2)) * (labels == 4).sum((1, 2))).argmax())])
    plain, mirrored = (
        data.batch({"index": index, "mirror": torch.tensor([mirror]), "theta": torch.eye(2, 3)[None]}, VALUES)[1][
            "segmentation"
        ][0, 0]
        for mirror in (False, True)
    )
    assert (plain == 3).any()
    assert torch.equal(mirrored.flip(0) == 4, plain == 3)
    assert torch.equal(mirrored.flip(0) == 2, plain == 2)


@pytest.mark.slow
def test_a_grid_gives_results_that_compare_methods_reads(folders: tuple[Path, Path], tmp_path: Path) -> None:
    prepared, packed = folders
    values = {"backbone": "resnet18_half", "max_epochs": 1, "steps_per_epoch": 2, "batch_size": 2, "val_interval": 1}
    grid = [
        {"table": f"rate_{rate}", "methods": ["HPS"], "section": "validation", "choose": "learning_rate",
         "more": rate == 0.001, "set": {**values, "learning_rate": rate}}
        for rate in (0.001, 1e-9)
    ]  # fmt: skip
    (tmp_path / "grid.json").write_text(json.dumps([*grid, {"table": "t", "methods": ["STL"], "set": values}]))
    done = run_tool(
        "tools/train_on_gpu.py", "run", "--bundle", "openkbp", "--data", str(packed), "--device", "cpu",
        "--grid", str(tmp_path / "grid.json"), "--output", str(tmp_path / "out"), "--keep_weights", "t/stl_dose_seed0",
    )  # fmt: skip
    assert done.returncode == 0 and "failed" not in done.stdout, done.stdout + done.stderr
    result = json.loads((tmp_path / "out" / "t" / "stl_dose_seed0.json").read_text())
    assert result["training"]["functional_test"]["cases"] == 1
    chosen = result["settings"]["learning_rate"]
    assert chosen in (0.001, 1e-9)
    weights = torch.load(tmp_path / "out" / "t_stl_dose_seed0.pt", weights_only=True)
    assert weights["trunk.conv1.weight"].dtype == torch.float16
    done = run_tool(
        "tools/compare_methods.py", "--bundle", "openkbp", "--dataset_dir", str(prepared), "--finished",
        "--output", str(tmp_path / "table"), "--results", str(tmp_path / "out" / "t"), "--methods", "STL",
        "--config_file", "bundles/openkbp/configs/cpu.json",
        "--set", *(f"{key}={value}" for key, value in {**values, "learning_rate": chosen}.items()),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    row = json.loads((tmp_path / "table" / "table.json").read_text())["rows"][0]
    assert row["tasks"]["dose"]["mean"] == pytest.approx(result["values"]["dose"])
