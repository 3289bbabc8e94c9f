# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The small networks that come with the repository, trained on real OpenKBP patients."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from ignite.engine import Engine, Events
from monai.bundle import create_workflow
from support import REPOSITORY, run_tool

from ctan_monai.networks import CTAN
from ctan_monai.transforms import input_channels

MODELS = REPOSITORY / "bundles" / "openkbp" / "models"
NETWORKS = ("ctan_small", "ctan_targets")
CONFIGS = REPOSITORY / "bundles" / "openkbp" / "configs"


@pytest.fixture(scope="module")
def patient(openkbp_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first test patient of the evaluation, prepared from the official files; the data set is two folders up."""
    folder = tmp_path_factory.mktemp("patient")
    stated = json.loads((MODELS / NETWORKS[0] / "evaluation" / "evaluation.json").read_text())["patients"]
    name = min(stated, key=lambda case: int(case.removeprefix("pt_")))
    for split, number in (("train-pats", None), ("validation-pats", None), ("test-pats", name)):
        source = openkbp_source / split
        number = number or sorted(path.name for path in source.iterdir())[0]
        shutil.copytree(source / number, folder / "source" / split / number)
    command = ["tools/prepare_data.py", "openkbp", "--source", str(folder / "source")]
    done = run_tool(*command, "--output", str(folder / "prepared"))
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "prepared" / "test" / name


@pytest.mark.parametrize("name", NETWORKS)
def test_they_are_small_half_precision_and_complete(name: str) -> None:
    folder = MODELS / name
    assert (folder / "model.pt").stat().st_size < 25e6, "the model zoo's limit of a file"
    state = torch.load(folder / "model.pt", weights_only=True)
    assert {v.dtype for v in state.values() if v.is_floating_point()} == {torch.float16}
    record = json.loads((folder / "training.json").read_text())
    values = record["values"]
    tasks = {"segmentation": {"level": "pixel", "out_channels": 5}, "dose": {"level": "pixel", "out_channels": 1}}
    inputs = [values.get(key, default) for key, default in (("targets", False), ("context", []), ("position", False))]
    network = CTAN(
        2, input_channels(values["windows"], *inputs), tasks, backbone=values["backbone"], stem=values["stem"]
    )
    network.load_state_dict(state)
    assert record["parameters"] == sum(p.numel() for p in network.parameters())
    assert record["data"]["licence"].startswith("MIT") and record["data"]["cases"]["training"] == 158
    assert all(torch.isfinite(v).all() for v in state.values())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_real_patient_gives_what_the_evaluation_states(name: str, patient: Path, tmp_path: Path) -> None:
    """The whole path, from the official files of one test patient, in float32 as the evaluation was."""
    folder = MODELS / name
    stated = json.loads((folder / "evaluation" / "evaluation.json").read_text())["patients"][patient.name]
    record = json.loads((folder / "training.json").read_text())["values"]
    files = str([str(CONFIGS / f"{part}.json") for part in ("train", "cpu", "evaluate")])
    done = run_tool(
        "-m", "monai.bundle", "run", "evaluating", "--config_file", files, "--dataset_dir", str(patient.parents[1]),
        "--backbone", record["backbone"], "--checkpoint", str(folder / "model.pt"), "--num_workers", "0",
        "--output_dir", str(tmp_path), "--evaluation_dir", str(tmp_path / "evaluation"), "--amp", "false",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    measured = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())["patients"][patient.name]
    for metric, tolerance in (("dice", 0.3), ("mae_body", 0.05), ("dose_score", 0.05), ("dvh_error", 0.1)):
        assert measured[metric] == pytest.approx(stated[metric], abs=tolerance), metric


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:parsing config_file:UserWarning")  # MONAI says of every config that it is code
@pytest.mark.parametrize("name", NETWORKS)
def test_evaluation_measures_what_predict_writes(name: str, patient: Path, tmp_path: Path) -> None:
    """A patient whose voxels (4.688 x 4.688 x 2 mm) are resampled to the network's, packed network and all."""
    folder = MODELS / name
    case = json.loads((patient.parents[1] / "datalist.json").read_text())["test"][0]
    assert case["spacing"] == [4.688, 4.688, 2.0]
    evaluation = create_workflow(
        config_file=[str(CONFIGS / f"{name}.json") for name in ("train", "evaluate")], workflow_type="train",
        logging_file=False, run_id="evaluating", dataset_dir=str(patient.parents[1]), num_workers=0, amp=False,
        checkpoint=str(folder / "model.pt"), output_dir=str(tmp_path), evaluation_dir=str(tmp_path / "evaluation"),
    )  # fmt: skip
    outputs = []

    def keep(engine: Engine) -> None:
        outputs.extend(engine.state.output)

    evaluation.evaluator.add_event_handler(Events.ITERATION_COMPLETED, keep)
    evaluation.run()
    (evaluated,) = outputs

    archive = tmp_path / "openkbp.zip"
    results = tmp_path / "results"
    command = ["--bundle", str(tmp_path / "openkbp"), "--set", "amp=false", "--"]
    for arguments in (
        ["tools/pack_bundle.py", "openkbp", "--checkpoint", str(folder / "model.pt"), "--half", "--output", archive],
        ["-m", "zipfile", "-e", archive, tmp_path],
        ["-m", "ctan_monai.packing.predict", *command, patient / "ct.nii", results],
    ):
        done = run_tool(*map(str, arguments))
        assert done.returncode == 0, done.stdout + done.stderr
    labels, dose = (np.asanyarray(nib.load(results / f"ct_{n}.nii.gz").dataobj) for n in ("segmentation", "dose"))
    assert set(np.unique(labels)) == {0, 1, 2, 3, 4} and dose.max() > 50
    assert np.array_equal(evaluated["segmentation"][0].cpu(), labels)
    assert np.abs(evaluated["dose"][0].cpu().numpy() - dose).max() <= 0.01  # Gy
