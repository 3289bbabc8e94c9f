# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The ham10000 bundle as its users run it, on phantom data."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.bundle import create_workflow
from PIL import Image
from support import REPOSITORY, run_tool

from ctan_monai.handlers import EpochLog

CONFIGS = "bundles/ham10000/configs"
QUICK = ["--max_epochs", "1", "--num_workers", "0"]
# MONAI says of every config, also of one's own, that it is code
pytestmark = [
    pytest.mark.filterwarnings("ignore:parsing config_file:UserWarning"),
    pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated:DeprecationWarning"),
]


def bundle_run(run_id: str, files: list[str], *arguments: str, inside: bool = False) -> str:
    """Run the bundle by the command line; returns its output, or fails with it."""
    folder = "configs" if inside else CONFIGS
    names = "[" + ",".join(f"'{folder}/{f}.json'" for f in files) + "]"
    cwd = REPOSITORY / "bundles" / "ham10000" if inside else REPOSITORY
    identifier = [run_id] if run_id else []
    result = run_tool("-m", "monai.bundle", "run", *identifier, "--config_file", names, *arguments, cwd=cwd)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout + result.stderr


def test_train_evaluate_infer_and_export(ham10000_phantom: Path, tmp_path: Path) -> None:
    paths = ["--dataset_dir", str(ham10000_phantom), "--output_dir", str(tmp_path)]
    bundle_run("training", ["train", "smoke"], *paths, *QUICK)
    (row,) = EpochLog.read(tmp_path / "training_log.csv")
    assert float(row["segmentation_loss"]) > 0
    assert float(row["diagnosis_loss"]) > 0
    (row,) = EpochLog.read(tmp_path / "validation_log.csv")
    assert float(row["score"]) == pytest.approx((float(row["segmentation"]) + float(row["diagnosis"])) / 2)

    bundle_run("evaluating", ["train", "evaluate"], *paths, "--num_workers", "0")
    evaluation = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())
    listed = json.loads((ham10000_phantom / "datalist.json").read_text())["test"]
    assert set(evaluation["images"]) == {case["case_id"] for case in listed}
    assert evaluation["summary"]["diagnosis"]["accuracy"] is not None
    assert "data:image/png;base64," in (tmp_path / "evaluation" / "report.html").read_text()
    settings = evaluation["provenance"]["config"]
    assert (settings["method"], settings["size"], settings["section"]) == ("CTAN", [96, 128], "test")

    photo = next((ham10000_phantom.parent / "release").rglob("*.jpg"))
    upright = tmp_path / "in" / "upright.png"
    upright.parent.mkdir()
    Image.open(photo).transpose(Image.Transpose.ROTATE_90).save(upright)
    (tmp_path / "in" / photo.name).write_bytes(photo.read_bytes())
    output, model = tmp_path / "results", tmp_path / "model.pt"
    bundle_run(
        "inferring", ["inference"],
        "--dataset_dir", str(upright.parent), "--output_dir", str(output), "--checkpoint", str(model),
    )  # fmt: skip
    for name, size in ((photo.stem, (600, 450)), ("upright", (450, 600))):
        mask = Image.open(output / f"{name}_segmentation.png")
        assert mask.size == size
        assert set(np.unique(mask)) <= {0, 255}
    with (output / "predictions.csv").open() as file:
        rows = {row["case_id"]: row for row in csv.DictReader(file)}
    assert set(rows) == {photo.stem, "upright"}
    classes = ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    assert sum(float(rows["upright"][name]) for name in classes) == pytest.approx(1, abs=1e-4)

    result = run_tool(
        "-m", "monai.bundle", "ckpt_export", "network_def", "--filepath", str(tmp_path / "model.ts"),
        "--ckpt_file", str(model), "--meta_file", f"{CONFIGS}/metadata.json",
        "--config_file", f"{CONFIGS}/inference.json", "--backbone", "resnet18", "--stem", "conv7x7",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    outputs = torch.jit.load(str(tmp_path / "model.ts")).eval()(torch.rand(1, 3, 96, 128))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "segmentation": (1, 2, 96, 128), "diagnosis": (1, 7)
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("task", ["segmentation", "diagnosis"])
def test_one_task_from_inside_the_bundle(task: str, ham10000_phantom: Path, tmp_path: Path) -> None:
    paths = ["--dataset_dir", str(ham10000_phantom), "--output_dir", str(tmp_path)]
    method = ["--method", "STL", "--task_names", f"['{task}']", "--weighting", "equal"]
    bundle_run("", ["train", "smoke"], *paths, *QUICK, *method, inside=True)
    (row,) = EpochLog.read(tmp_path / "validation_log.csv")
    assert set(row) == {"epoch", "score", "seconds", task}
    bundle_run("", ["train", "evaluate"], *paths, "--num_workers", "0", inside=True)
    summary = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())["summary"]
    assert (summary["diagnosis"] is None) == (task != "diagnosis")
    photo = next((ham10000_phantom.parent / "release").rglob("*.jpg"))
    bundle_run(
        "", ["inference"],
        "--dataset_dir", str(photo), "--output_dir", str(tmp_path / "results"),
        "--checkpoint", str(tmp_path / "model.pt"), inside=True,
    )  # fmt: skip
    written = {path.name for path in (tmp_path / "results").iterdir()}
    assert written == {"inputs.json", "predictions.csv"} | (
        {f"{photo.stem}_segmentation.png"} if task == "segmentation" else set()
    )


def start(output: Path, **overrides: object) -> None:
    """Build the trainer of the bundle, as a run does before its first batch."""
    names = [str(REPOSITORY / CONFIGS / f"{name}.json") for name in ("train", "smoke")]
    workflow = create_workflow(
        config_file=names, workflow_type="train", logging_file=False, output_dir=str(output), **overrides
    )
    _ = workflow.trainer


def message(error: pytest.ExceptionInfo[BaseException]) -> str:
    """The text of an error and of all its causes."""
    texts, cause = [], error.value
    while cause is not None:
        texts.append(str(cause))
        cause = cause.__cause__
    return "\n".join(texts)


def test_data_prepared_at_another_size(ham10000_phantom: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        start(tmp_path, dataset_dir=str(ham10000_phantom), size=[64, 64])
    assert "the images were prepared at [96, 128], the config's size is [64, 64]" in message(error)


def test_no_prepared_data(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        start(tmp_path / "out", dataset_dir=str(tmp_path / "none"))
    assert "no such dataset folder" in message(error)


def test_inference_on_a_folder_without_images(tmp_path: Path) -> None:
    workflow = create_workflow(
        config_file=str(REPOSITORY / CONFIGS / "inference.json"),
        workflow_type="inference",
        logging_file=False,
        dataset_dir=str(tmp_path),
        output_dir=str(tmp_path),
        initialize=[],
        backbone="resnet18",
        stem="conv7x7",
    )
    with pytest.raises(RuntimeError) as error:
        _ = workflow.dataset
    assert "holds no image" in message(error)
