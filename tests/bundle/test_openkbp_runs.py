# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The openkbp bundle as its users run it, on phantom data: every method, from both working directories."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from support import REPOSITORY, run_tool
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ctan_monai.dicom import mask_outlines, read_source, write_ct_series, write_rtstruct
from ctan_monai.handlers import EpochLog

CONFIGS = "bundles/openkbp/configs"
QUICK = ["--max_epochs", "1", "--num_workers", "0", "--batch_size", "16"]


def bundle_run(run_id: str, files: list[str], *arguments: str, inside: bool = False) -> str:
    """Run the bundle by the command line; returns its output, or fails with it."""
    folder = "configs" if inside else CONFIGS
    names = "[" + ",".join(f"'{folder}/{f}.json'" for f in files) + "]"
    cwd = REPOSITORY / "bundles" / "openkbp" if inside else REPOSITORY
    identifier = [run_id] if run_id else []
    result = run_tool("-m", "monai.bundle", "run", *identifier, "--config_file", names, *arguments, cwd=cwd)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def trained(phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CTAN trained for one epoch from the repository root."""
    output = tmp_path_factory.mktemp("ctan")
    bundle_run("training", ["train", "smoke"], "--dataset_dir", str(phantom), "--output_dir", str(output), *QUICK)
    return output


def test_training_writes_its_model_checkpoint_and_logs(trained: Path) -> None:
    assert {"model.pt", "checkpoint.pt", "training_log.csv", "validation_log.csv"} <= {
        p.name for p in trained.iterdir()
    }
    events = EventAccumulator(str(trained / "tensorboard")).Reload().Tags()
    assert {"Loss", "segmentation_loss", "dose_weight", "score", "dose"} <= set(events["scalars"])
    assert events["images"] == [], "pictures are diagnostics, off by default"
    (row,) = EpochLog.read(trained / "training_log.csv")
    assert float(row["segmentation_loss"]) > 0
    assert float(row["dose_loss"]) > 0
    assert float(row["segmentation_weight"]) == 1.0
    (row,) = EpochLog.read(trained / "validation_log.csv")
    assert float(row["score"]) == pytest.approx((float(row["segmentation"]) + float(row["dose"])) / 2)


def test_evaluation_writes_json_csv_and_a_report(trained: Path, phantom: Path) -> None:
    paths = ["--dataset_dir", str(phantom), "--output_dir", str(trained)]
    bundle_run("evaluating", ["train", "evaluate"], *paths, "--num_workers", "0")
    evaluation = json.loads((trained / "evaluation" / "evaluation.json").read_text())
    assert evaluation["summary"]["patients"] == 1
    assert evaluation["summary"]["dose_score"] > 0
    assert (trained / "evaluation" / "per_patient.csv").is_file()
    page = (trained / "evaluation" / "report.html").read_text()
    assert "OpenKBP phantom: evaluation report" in page, "synthetic data do not pass as the release"
    assert "data:image/png;base64," in page
    assert not re.search(r"(src|href)=.https?://", page)
    training = evaluation["provenance"]["training"]
    assert (training["values"]["weighting"], training["max_epochs"], training["seed"]) == ("DWA", 1, 0)
    settings = evaluation["provenance"]["config"]
    assert (settings["method"], settings["backbone"], settings["section"]) == ("CTAN", "resnet18_half", "test")


def test_inference_returns_the_patients_grid(trained: Path, phantom: Path, tmp_path: Path) -> None:
    ct = next((phantom / "test").iterdir()) / "ct.nii"
    bundle_run(
        "inferring", ["inference"],
        "--dataset_dir", str(ct), "--output_dir", str(tmp_path), "--checkpoint", str(trained / "model.pt"),
    )  # fmt: skip
    image, labels, dose = (
        nib.load(ct),
        nib.load(tmp_path / "ct_segmentation.nii.gz"),
        nib.load(tmp_path / "ct_dose.nii.gz"),
    )
    for result in (labels, dose):
        assert result.shape == image.shape
        np.testing.assert_allclose(result.affine, image.affine, atol=1e-4)
    assert labels.get_data_dtype() == np.uint8
    assert set(np.unique(labels.dataobj)) <= {0, 1, 2, 3, 4}
    assert dose.get_fdata().min() >= 0
    report = json.loads((tmp_path / "ct_report.json").read_text())
    assert report["plausible"] is False, "one epoch gives nothing plausible"
    assert report["warnings"]
    assert list(report["seconds"]) == ["reading", "network", "postprocessing", "writing"]
    assert all(value > 0 for value in report["seconds"].values())
    page = (tmp_path / "ct_page.html").read_text()
    assert all(warning in html.unescape(page) for warning in report["warnings"][:2])
    assert "1 cases of OpenKBP phantom" in page, "the record beside the weights"


def test_one_task_from_inside_the_bundle_by_the_default_run_id(phantom: Path, tmp_path: Path) -> None:
    paths = ["--dataset_dir", str(phantom), "--output_dir", str(tmp_path)]
    method = ["--method", "STL", "--task_names", "['dose']", "--weighting", "equal"]
    bundle_run("", ["train", "smoke"], *paths, *QUICK, *method, "--diagnostics", "true", inside=True)
    assert EventAccumulator(str(tmp_path / "tensorboard")).Reload().Tags()["images"] == ["validation_case"]
    (row,) = EpochLog.read(tmp_path / "validation_log.csv")
    assert set(row) == {"epoch", "score", "seconds", "dose"}
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    assert {k.split(".")[1] for k in state if k.startswith("decoders.")} == {"dose"}
    bundle_run("", ["train", "evaluate"], *paths, "--num_workers", "0", inside=True)
    summary = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())["summary"]
    assert summary["dose_score"] is not None
    assert "dice" not in summary["metrics"]


def test_two_processes_train_with_equal_weights(phantom: Path, tmp_path: Path) -> None:
    """torchrun on CPU (gloo): three epochs, so that DWA moves; both ranks print their weights."""
    names = "[" + ",".join(f"'{CONFIGS}/{f}.json'" for f in ("train", "smoke", "multi_gpu_train")) + "]"
    result = run_tool(
        "-m", "torch.distributed.run", "--standalone", "--nnodes=1", "--nproc_per_node=2",
        "-m", "monai.bundle", "run", "training", "--config_file", names,
        "--dataset_dir", str(phantom), "--output_dir", str(tmp_path), "--max_epochs", "3",
        "--num_workers", "0", "--batch_size", "16", "--finalize",
        "['$print(f\"weights {@loss_function.weights.tolist()}\")','$ctan_monai.bundle.stop_distributed()']",
        OMP_NUM_THREADS="1",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    weights = re.findall(r"weights \[([^\]]+)\]", result.stdout)
    assert len(weights) == 2
    assert weights[0] == weights[1]
    first = [float(w) for w in weights[0].split(",")]
    assert sum(first) == pytest.approx(2.0, abs=1e-5)
    assert first[0] != 1.0
    rows = EpochLog.read(tmp_path / "training_log.csv")
    assert [r["epoch"] for r in rows] == ["1", "2", "3"]


def test_exported_torchscript_equals_eager(trained: Path, tmp_path: Path) -> None:
    result = run_tool(
        "-m", "monai.bundle", "ckpt_export", "network_def", "--filepath", str(tmp_path / "model.ts"),
        "--ckpt_file", str(trained / "model.pt"), "--meta_file", f"{CONFIGS}/metadata.json",
        "--config_file", f"{CONFIGS}/inference.json", "--backbone", "resnet18_half", "--stem", "conv7x7",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    from ctan_monai.bundle import load_weights
    from ctan_monai.networks import CTAN

    tasks = {"segmentation": {"level": "pixel", "out_channels": 5}, "dose": {"level": "pixel", "out_channels": 1}}
    network = load_weights(CTAN(2, 3, tasks, "resnet18_half", "conv7x7"), trained / "model.pt").eval()
    scripted = torch.jit.load(str(tmp_path / "model.ts")).eval()
    torch.manual_seed(0)
    image = torch.rand(2, 3, 128, 128)
    with torch.inference_mode():
        expected, found = network(image), scripted(image)
    for task, value in expected.items():
        torch.testing.assert_close(found[task], value, atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # MLflow's own, of its database
def test_tracking_by_mlflow_records_losses_weights_and_scores(phantom: Path, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed (pip install mlflow)")
    paths = ["--dataset_dir", str(phantom), "--output_dir", str(tmp_path)]
    bundle_run("training", ["train", "smoke"], *paths, *QUICK, "--tracking", "mlflow")
    client = mlflow.tracking.MlflowClient(f"sqlite:///{tmp_path / 'mlruns.db'}")
    (experiment,) = (e for e in client.search_experiments() if e.name == "monai_experiment")
    (run,) = client.search_runs([experiment.experiment_id])
    wanted = {"train_loss", "segmentation_loss", "dose_loss", "segmentation_weight", "dose_weight", "score", "dose"}
    assert wanted <= set(run.data.metrics)


def test_validation_counts_nothing_outside_the_body(phantom: Path) -> None:
    """A network that sees an organ and a dose everywhere: what inference removes, validation does not count either."""
    parser = ConfigParser()
    parser.read_config([str(REPOSITORY / CONFIGS / f"{name}.json") for name in ("train", "smoke")])
    parser.update({"bundle_root": str(REPOSITORY / "bundles" / "openkbp"), "dataset_dir": str(phantom)})
    case = parser.get_parsed_content("validate::dataset")[0]
    logits = torch.zeros(5, *case["image"].shape[1:])
    logits[1] = 1.0
    outputs = {"segmentation": logits, "dose": torch.ones(1, *logits.shape[1:])}
    labels = {"segmentation": case["segmentation"], "dose": case["dose"]}
    result = parser.get_parsed_content("validate::postprocessing")({**case, "pred": outputs, "label": labels})
    body = result["body"][0].bool()
    assert 0.01 < body.float().mean() < 0.8
    assert torch.equal(result["pred_dose"][0], 70.0 * body)
    assert torch.equal(result["pred_segmentation"][1].bool(), body)


@pytest.mark.slow
def test_the_trained_network_needs_equation_2_and_the_other_task(tmp_path: Path) -> None:
    """The quickstart's training: equation 2's term set to 0, the identity path kept, costs validation score."""
    release, prepared, output = (str(tmp_path / name) for name in ("release", "prepared", "output"))
    for command in (
        ["tools/make_phantom.py", "openkbp", "--output", release, "--patients", "6", "--seed", "0"],
        ["tools/prepare_data.py", "openkbp", "--source", release, "--output", prepared],
    ):
        done = run_tool(*command)
        assert done.returncode == 0, done.stdout + done.stderr
    bundle_run(
        "training", ["train", "smoke"], "--dataset_dir", prepared, "--output_dir", output, "--num_workers", "0",
        "--functional_test", f"{output}/model.pt",
    )  # fmt: skip
    test = json.loads((tmp_path / "output" / "training.json").read_text())["functional_test"]
    assert test["score"] > 0.5
    losses = {part: found["loss"] for part, found in test["parts"].items()}
    assert losses["equation2"] > 0.002
    assert losses["other_task"] > 0.001


@pytest.mark.slow
def test_a_network_with_targets_gets_them_from_masks_and_from_a_structure_set(phantom: Path, tmp_path: Path) -> None:
    """One epoch; the same patient as NIfTI with masks, and as DICOM with a structure set, has the same dose."""
    inputs = ["--targets", "True", "--context", "[-7.5,-2.5,2.5,7.5]"]
    paths = ["--dataset_dir", str(phantom), "--output_dir", str(tmp_path / "run")]
    bundle_run("training", ["train", "smoke"], *paths, *QUICK, *inputs)
    bundle_run("evaluating", ["train", "evaluate"], *paths, "--num_workers", "0")
    assert json.loads((tmp_path / "run" / "evaluation" / "evaluation.json").read_text())["summary"]["patients"] == 1
    case = next((phantom / "test").iterdir())
    ct, prescribed = (nib.load(case / name) for name in ("ct.nii", "targets.nii"))
    gray = np.asarray(prescribed.dataobj)
    structures = {f"level {dose}": gray == dose for dose in np.unique(gray[gray > 0])}
    (tmp_path / "masks").mkdir()
    for name, mask in structures.items():
        nib.save(nib.Nifti1Image(mask.astype(np.uint8), prescribed.affine), tmp_path / "masks" / f"{name}.nii.gz")
    write_ct_series(tmp_path / "ct", np.asarray(ct.dataobj), ct.affine)
    source = read_source(tmp_path / "ct")
    outlines = {f"PTV_{name.split()[1]}00": mask_outlines(mask, ct.affine) for name, mask in structures.items()}
    write_rtstruct(tmp_path / "ct" / "RS.dcm", source, outlines)

    def dose(ct: Path, *targets: str) -> np.ndarray:
        output = tmp_path / f"out{len(list(tmp_path.glob('out*')))}"
        weights = ["--checkpoint", str(tmp_path / "run" / "model.pt")]
        bundle_run(
            "inferring", ["inference"], "--dataset_dir", str(ct), "--output_dir", str(output), *weights, *targets
        )
        found = nib.load(output / "ct_dose.nii.gz")
        return np.asarray(nib.as_closest_canonical(found).dataobj)

    doses = ",".join(f"{name}={name.split()[1]}" for name in structures)
    by_masks = dose(case / "ct.nii", "--targets_from", str(tmp_path / "masks"), "--target_doses", doses)
    np.testing.assert_allclose(dose(case / "ct.nii"), by_masks, atol=1e-4)  # targets.nii beside the CT
    report = json.loads((tmp_path / "out0" / "ct_report.json").read_text())
    found = report["targets"]
    assert report["targets_from"] == str(tmp_path / "masks") and set(found) == set(structures)
    voxel_cc = float(np.prod(np.linalg.norm(ct.affine[:3, :3], axis=0))) / 1000
    canonical = np.asarray(nib.as_closest_canonical(prescribed).dataobj)
    for name, row in found.items():
        values = by_masks[canonical == row["prescribed_gy"]]
        assert row["volume_cc"] == pytest.approx(values.size * voxel_cc, abs=1e-2)
        assert row["d95_gy"] == pytest.approx(np.percentile(values, 5), abs=0.01)
        assert f">{name}<" in (tmp_path / "out0" / "ct_page.html").read_text()
    np.testing.assert_allclose(dose(tmp_path / "ct"), by_masks, atol=1e-3)
    by_structures = json.loads((tmp_path / "out2" / "ct_report.json").read_text())["targets"]
    assert {name[4:6] for name in by_structures} == {name[6:] for name in found}
    for name, row in by_structures.items():
        assert row["d95_gy"] == pytest.approx(found[f"level {name[4:6]}"]["d95_gy"], abs=0.01), name
    (tmp_path / "half").mkdir()
    left = {name: mask & (np.arange(len(mask)) < len(mask) // 2)[:, None, None] for name, mask in structures.items()}
    for name, mask in left.items():
        if mask.any():
            nib.save(
                nib.Nifti1Image(mask.astype(np.uint8), prescribed.affine), tmp_path / "half" / f"PTV{name[6:]}.nii"
            )
    other = dose(case / "ct.nii", "--targets_from", str(tmp_path / "half"))
    assert np.abs(other - by_masks).max() > 1, "the dose depends on them"

    names = f"['{CONFIGS}/inference.json']"
    arguments = ["--dataset_dir", str(case / "ct.nii"), "--output_dir", str(tmp_path / "refused")]
    arguments += ["--checkpoint", str(tmp_path / "run" / "model.pt"), "--targets_from", str(tmp_path / "masks")]
    result = run_tool("-m", "monai.bundle", "run", "inferring", "--config_file", names, *arguments)
    assert result.returncode != 0
    assert f"{tmp_path / 'masks'}: there is no target; found 'level" in result.stderr
    assert not list(tmp_path.glob("refused/*"))
