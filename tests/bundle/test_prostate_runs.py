# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The prostate bundle as its users run it, on phantom data: train, evaluate, inference, export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
import torch
from support import REPOSITORY, run_tool

from ctan_monai.data import read_datalist
from ctan_monai.data.prostate.case import NETWORK_SIZE, NETWORK_SPACING
from ctan_monai.data.prostate.roi_names import PROSTATE_LABELS
from ctan_monai.handlers import EpochLog

CONFIGS = "bundles/prostate/configs"
QUICK = ["--max_epochs", "1", "--num_workers", "0", "--batch_size", "16"]


def config(name: str) -> dict[str, Any]:
    return json.loads((REPOSITORY / CONFIGS / f"{name}.json").read_text())


def bundle_run(run_id: str, files: list[str], *arguments: str) -> str:
    """Run the bundle by the command line from the repository root; returns its output, or fails with it."""
    names = "[" + ",".join(f"'{CONFIGS}/{f}.json'" for f in files) + "]"
    result = run_tool("-m", "monai.bundle", "run", run_id, "--config_file", names, *arguments)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def trained(prostate_phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CTAN trained for one epoch."""
    output = tmp_path_factory.mktemp("prostate_ctan")
    paths = ["--dataset_dir", str(prostate_phantom), "--output_dir", str(output)]
    bundle_run("training", ["train", "smoke"], *paths, *QUICK)
    return output


def test_configs_labels_and_grid_are_those_of_the_preparation() -> None:
    train, evaluate = config("train"), config("evaluate")
    assert list(train["label_names"]) == list(PROSTATE_LABELS)
    assert list(train["label_names"].values()) == [1, 2, 3, 4, 5]
    assert train["spacing"] == list(NETWORK_SPACING)
    assert train["roi_size"] == list(NETWORK_SIZE)
    assert train["mirror_pairs"] == [[train["label_names"]["left_femur"], train["label_names"]["right_femur"]]]
    # evaluation takes the way of inference from the CT to the network and back
    assert evaluate["validate::preprocessing"]["transforms"][-1] == "$@validate::inference['preprocessing']"
    assert evaluate["validate::postprocessing"] == "$@validate::inference['postprocessing']"


def test_evaluation_and_inference_give_the_same(trained: Path, prostate_phantom: Path, tmp_path: Path) -> None:
    (case,) = read_datalist(prostate_phantom, "test")
    ct = case["original"]["image"]
    model = ["--checkpoint", str(trained / "model.pt"), "--num_workers", "0", "--amp", "false"]
    paths = ["--dataset_dir", str(ct), "--output_dir", str(tmp_path / "results")]
    bundle_run("inferring", ["inference"], *paths, *model)
    (labels,) = (tmp_path / "results").glob("*_segmentation.nii.gz")
    paths = ["--dataset_dir", str(prostate_phantom), "--output_dir", str(tmp_path)]
    bundle_run("evaluating", ["train", "evaluate"], *paths, *model)
    row = next(iter(json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())["patients"].values()))
    reference = np.asanyarray(nib.load(case["original"]["segmentation"]).dataobj)
    predicted = np.asanyarray(nib.load(labels).dataobj)
    for name, value in config("train")["label_names"].items():
        a, b = predicted == value, reference == value
        if not b.any():  # one structure of this patient was not contoured
            assert row[f"dice_{name}"] is None
            continue
        assert row[f"dice_{name}"] == pytest.approx(200 * (a & b).sum() / (a.sum() + b.sum()), abs=1e-6)


def test_training_and_evaluation(trained: Path, prostate_phantom: Path) -> None:
    (row,) = EpochLog.read(trained / "validation_log.csv")
    assert float(row["score"]) == pytest.approx((float(row["segmentation"]) + float(row["dose"])) / 2)
    paths = ["--dataset_dir", str(prostate_phantom), "--output_dir", str(trained)]
    bundle_run("evaluating", ["train", "evaluate"], *paths, "--num_workers", "0")
    evaluation = json.loads((trained / "evaluation" / "evaluation.json").read_text())
    ((case_id, row),) = evaluation["patients"].items()
    (case,) = read_datalist(prostate_phantom, "test")
    assert case_id == case["case_id"]
    assert {f"dice_{label}" for label in PROSTATE_LABELS} <= set(row)
    # the reference is the patient's own CT grid, as it was drawn
    spacing, structures = case["original"]["spacing"], case["original"]["structures"]
    dose = np.asanyarray(nib.load(case["original"]["dose"]).dataobj)
    ctv = np.asanyarray(nib.load(structures["ctv"]).dataobj) > 0
    assert spacing != [3.0, 3.0, 3.0]
    assert row["dvh_reference_ctv_D_95"] == pytest.approx(float(np.percentile(dose[ctv].astype(float), 5)))
    assert row["mae_body"] > row["mae_whole_volume"] > 0
    assert row["dose_score"] is None and evaluation["summary"]["dvh_score"] is None
    page = (trained / "evaluation" / "report.html").read_text()
    assert "CTV D95" in page and "DVH error" in page and "OpenKBP" not in page


def test_inference_on_a_dicom_series_returns_its_grid(trained: Path, prostate_phantom: Path, tmp_path: Path) -> None:
    """A patient's whole folder: structures and dose beside the CT are not read."""
    patient = prostate_phantom.parent / "release" / "patient 001"
    output = bundle_run(
        "inferring", ["inference"],
        "--dataset_dir", str(patient), "--output_dir", str(tmp_path), "--checkpoint", str(trained / "model.pt"),
    )  # fmt: skip
    assert "Error" not in output
    assert {p.suffix for p in tmp_path.iterdir()} == {".gz", ".html", ".json"}, "no DICOM unless it is asked for"
    own = nib.load(prostate_phantom / "cases/phantom_001/original/ct.nii.gz")
    labels, dose = nib.load(tmp_path / "CT_segmentation.nii.gz"), nib.load(tmp_path / "CT_dose.nii.gz")
    for result in (labels, dose):
        assert result.shape == own.shape
        np.testing.assert_allclose(result.affine, own.affine, atol=1e-3)
    assert set(np.unique(labels.dataobj)) <= set(range(6))
    assert dose.get_fdata().min() >= 0
    assert json.loads((tmp_path / "CT_report.json").read_text())["spacing_mm"] == [4.0, 4.0, 3.0]


def test_data_prepared_on_another_grid(prostate_phantom: Path, tmp_path: Path) -> None:
    result = run_tool(
        "-m", "monai.bundle", "run", "training", "--config_file", f"{CONFIGS}/train.json", "--pretrained", "False",
        "--dataset_dir", str(prostate_phantom), "--output_dir", str(tmp_path), "--roi_size", "[128,128]",
        "--backbone", "resnet18", "--stem", "conv7x7",
    )  # fmt: skip
    assert result.returncode != 0
    assert "was prepared on the grid" in result.stderr.strip().splitlines()[-1]


def test_exported_torchscript_equals_eager(trained: Path, tmp_path: Path) -> None:
    result = run_tool(
        "-m", "monai.bundle", "ckpt_export", "network_def", "--filepath", str(tmp_path / "model.ts"),
        "--ckpt_file", str(trained / "model.pt"), "--meta_file", f"{CONFIGS}/metadata.json",
        "--config_file", f"{CONFIGS}/inference.json", "--backbone", "resnet18", "--stem", "conv7x7",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    from ctan_monai.bundle import load_weights
    from ctan_monai.networks import CTAN

    network = load_weights(CTAN(2, 3, config("train")["available_tasks"], "resnet18", "conv7x7"), trained / "model.pt")
    scripted = torch.jit.load(str(tmp_path / "model.ts")).eval()
    torch.manual_seed(0)
    image = torch.rand(1, 3, 160, 160)
    with torch.inference_mode():
        expected, found = network.eval()(image), scripted(image)
    for task, value in expected.items():
        torch.testing.assert_close(found[task], value, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
def test_targets_neighbors_and_position_through_dicom(prostate_phantom: Path, tmp_path: Path) -> None:
    """Trained with them; the RTSTRUCT beside the CT has the target, and the RTDOSE refers to it."""
    inputs = ["--targets", "True", "--context", "[-3,3]", "--position", "True"]
    paths = ["--dataset_dir", str(prostate_phantom), "--output_dir", str(tmp_path / "run")]
    bundle_run("training", ["train", "smoke"], *paths, *QUICK, *inputs)
    bundle_run("evaluating", ["train", "evaluate"], *paths, "--num_workers", "0")
    assert json.loads((tmp_path / "run" / "evaluation" / "evaluation.json").read_text())["summary"]["patients"] == 1
    patient = prostate_phantom.parent / "release" / "patient 001"
    arguments = ["--dataset_dir", str(patient), "--checkpoint", str(tmp_path / "run" / "model.pt")]
    arguments += ["--dicom_output", "True", "--write_implausible", "True"]  # of a network that has hardly learned
    bundle_run("inferring", ["inference"], *arguments, "--output_dir", str(tmp_path / "out"))
    structures = [d for d in map(pydicom.dcmread, patient.rglob("*.dcm")) if d.Modality == "RTSTRUCT"]
    (reference,) = pydicom.dcmread(tmp_path / "out" / "CT_rtdose.dcm").ReferencedStructureSetSequence
    assert reference.ReferencedSOPInstanceUID == structures[0].SOPInstanceUID
