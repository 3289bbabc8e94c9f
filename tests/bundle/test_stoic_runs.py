# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The stoic bundle as its users run it, on phantom data and on two real chest CTs."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest
import SimpleITK as sitk
import torch
from support import run_tool

from ctan_monai.bundle import load_weights
from ctan_monai.dicom import write_ct_series
from ctan_monai.handlers import EpochLog
from ctan_monai.networks import CTAN

CONFIGS = "bundles/stoic/configs"
QUICK = ["--max_epochs", "1", "--num_workers", "0", "--slices", "2", "--batch_size", "8"]


def bundle_run(run_id: str, files: list[str], *arguments: str) -> str:
    """Run the bundle by the command line; returns its output, or fails with it."""
    names = "[" + ",".join(f"'{CONFIGS}/{f}.json'" for f in files) + "]"
    result = run_tool("-m", "monai.bundle", "run", run_id, "--config_file", names, *arguments)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def trained(stoic_phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CTAN trained for one epoch, and evaluated."""
    output = tmp_path_factory.mktemp("stoic")
    paths = ["--dataset_dir", str(stoic_phantom), "--output_dir", str(output)]
    bundle_run("training", ["train", "smoke"], *paths, *QUICK)
    bundle_run("evaluating", ["train", "evaluate"], *paths, "--num_workers", "0")
    return output


def test_training_and_evaluation_write_their_files(trained: Path) -> None:
    assert (trained / "model.pt").is_file() and (trained / "checkpoint.pt").is_file()
    (row,) = EpochLog.read(trained / "training_log.csv")
    assert float(row["covid_loss"]) > 0 and float(row["severity_loss"]) > 0
    (row,) = EpochLog.read(trained / "validation_log.csv")
    assert 0 <= float(row["score"]) <= 1
    evaluation = json.loads((trained / "evaluation" / "evaluation.json").read_text())
    measures = evaluation["summary"]["measures"]
    assert measures["covid"]["n"] == measures["severity"]["n"] == evaluation["summary"]["patients"] == 3
    assert measures["severity_among_covid"]["n"] == sum(p["covid"] for p in evaluation["patients"].values())
    assert evaluation["provenance"]["config"]["slices"] == 2
    page = (trained / "evaluation" / "report.html").read_text()
    assert "ROC" in page and "data:image/png;base64," in page and not re.search(r"(src|href)=.https?://", page)


def test_inference_gives_what_evaluation_gave(
    trained: Path, stoic_phantom_release: Path, real_chests: dict[str, Path], tmp_path: Path
) -> None:
    """A patient of the test split as .mha, NIfTI and DICOM series; and the real chests."""
    evaluation = json.loads((trained / "evaluation" / "evaluation.json").read_text())
    case_id, expected = next(iter(evaluation["patients"].items()))
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    mha = stoic_phantom_release / "data" / "mha" / f"{case_id}.mha"
    shutil.copy(mha, inputs / "scan.mha")
    image = sitk.ReadImage(str(mha))
    sitk.WriteImage(image, str(inputs / "scan_nifti.nii.gz"))
    array = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
    affine = torch.diag(torch.tensor([-image.GetSpacing()[0], -image.GetSpacing()[1], image.GetSpacing()[2], 1.0]))
    write_ct_series(inputs / "scan_dicom", array, affine.double().numpy())
    for number, path in real_chests.items():
        shutil.copy(path, inputs / f"real_{number}.mha")
    output = bundle_run(
        "inferring", ["inference"], "--dataset_dir", str(inputs), "--output_dir", str(tmp_path / "out"),
        "--checkpoint", str(trained / "model.pt"), "--amp", "False",
    )  # fmt: skip
    with (tmp_path / "out" / "probabilities.csv").open() as file:
        rows = {row["case_id"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"scan", "scan_nifti", "scan_dicom", "real_1", "real_2"}
    for name in ("scan", "scan_nifti", "scan_dicom"):
        assert rows[name]["found"] == "lungs" and rows[name]["warnings"] == ""
        for task in ("covid", "severity"):  # evaluation ran in bfloat16
            assert float(rows[name][task]) == pytest.approx(expected[f"{task}_probability"], abs=0.02)
            assert float(rows[name][task]) == pytest.approx(float(rows["scan"][task]), abs=2e-3)
    report = json.loads((tmp_path / "out" / "real_1_probabilities.json").read_text())
    assert set(report["probabilities"]) == {"covid", "severity"}
    assert all(0 < p < 1 for p in report["probabilities"].values())
    assert report["found"] == "cut lungs" and "cuts the lungs off at the sides" in report["warnings"]
    assert "cuts the lungs off" in output, "the warning is logged, too"


def test_a_single_task(stoic_phantom: Path, tmp_path: Path) -> None:
    paths = ["--dataset_dir", str(stoic_phantom), "--output_dir", str(tmp_path)]
    method = ["--method", "STL", "--task_names", "['severity']", "--weighting", "equal"]
    bundle_run("training", ["train", "smoke"], *paths, *QUICK, *method)
    (row,) = EpochLog.read(tmp_path / "validation_log.csv")
    assert set(row) == {"epoch", "score", "severity", "seconds"}
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    assert {k.split(".")[1] for k in state if k.startswith("decoders.")} == {"severity"}


def test_exported_torchscript_equals_eager(trained: Path, tmp_path: Path) -> None:
    result = run_tool(
        "-m", "monai.bundle", "ckpt_export", "network_def", "--filepath", str(tmp_path / "model.ts"),
        "--ckpt_file", str(trained / "model.pt"), "--meta_file", f"{CONFIGS}/metadata.json",
        "--config_file", f"{CONFIGS}/inference.json", "--backbone", "resnet18",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    tasks = {task: {"level": "image", "out_channels": 1} for task in ("covid", "severity")}
    network = load_weights(CTAN(2, 1, tasks, "resnet18", "conv7x7"), trained / "model.pt").eval()
    scripted = torch.jit.load(str(tmp_path / "model.ts")).eval()
    torch.manual_seed(0)
    image = torch.rand(2, 1, 96, 96)
    with torch.inference_mode():
        expected, found = network(image), scripted(image)
    for task, value in expected.items():
        assert value.shape == (2, 1)
        torch.testing.assert_close(found[task], value, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_two_processes_train(stoic_phantom: Path, tmp_path: Path) -> None:
    names = "[" + ",".join(f"'{CONFIGS}/{f}.json'" for f in ("train", "smoke", "multi_gpu_train")) + "]"
    result = run_tool(
        "-m", "torch.distributed.run", "--standalone", "--nnodes=1", "--nproc_per_node=2",
        "-m", "monai.bundle", "run", "training", "--config_file", names, "--dataset_dir", str(stoic_phantom),
        "--output_dir", str(tmp_path), *QUICK, "--batch_size", "4", OMP_NUM_THREADS="1",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    (row,) = EpochLog.read(tmp_path / "validation_log.csv")
    assert 0 <= float(row["score"]) <= 1
