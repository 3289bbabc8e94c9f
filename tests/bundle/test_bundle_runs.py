# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The four bundles as their users run them, on phantom data: train, evaluate, infer, export."""

from __future__ import annotations

import csv
import html
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from monai.bundle import ConfigParser
from PIL import Image
from support import REPOSITORY, bundle_run, run_tool
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ctan_monai.bundle import load_weights
from ctan_monai.data import read_datalist
from ctan_monai.data.prostate.case import NETWORK_SIZE, NETWORK_SPACING
from ctan_monai.data.prostate.roi_names import PROSTATE_LABELS
from ctan_monai.dicom import write_ct_series
from ctan_monai.handlers import EpochLog
from ctan_monai.networks import CTAN


@dataclass(frozen=True)
class Bundle:
    """A bundle's phantom, and the network that its smoke.json trains on it.

    Attributes:
        phantom: fixture of the prepared data.
        image: shape of the network's input, (B, C, H, W).
        outputs: task to the shape of its output.
        table: csv of the evaluated cases.
        quick: options of a training of seconds.
        settings: further values of the config that the evaluation's record states.
        backbone: of the network.
    """

    phantom: str
    image: tuple[int, int, int, int]
    outputs: dict[str, tuple[int, ...]]
    table: str = "per_patient.csv"
    quick: tuple[str, ...] = ("--batch_size", "16")
    settings: dict[str, Any] = field(default_factory=dict)
    backbone: str = "resnet18"

    def arguments(self, data: Path, output: Path) -> list[str]:
        """Of one epoch."""
        paths = ["--dataset_dir", str(data), "--output_dir", str(output)]
        return [*paths, "--max_epochs", "1", "--num_workers", "0", *self.quick]


BUNDLES = {
    "openkbp": Bundle(
        phantom="phantom",
        image=(2, 3, 128, 128),
        outputs={"segmentation": (2, 5, 128, 128), "dose": (2, 1, 128, 128)},
        backbone="resnet18_half",
    ),
    "prostate": Bundle(
        phantom="prostate_phantom",
        image=(1, 3, 160, 160),
        outputs={"segmentation": (1, 6, 160, 160), "dose": (1, 1, 160, 160)},
    ),
    "ham10000": Bundle(
        phantom="ham10000_phantom",
        image=(1, 3, 96, 128),
        outputs={"segmentation": (1, 2, 96, 128), "diagnosis": (1, 7)},
        table="per_image.csv",
        quick=(),
        settings={"size": [96, 128]},
    ),
    "stoic": Bundle(
        phantom="stoic_phantom",
        image=(2, 1, 96, 96),
        outputs={"covid": (2, 1), "severity": (2, 1)},
        quick=("--slices", "2", "--batch_size", "8"),
        settings={"slices": 2},
    ),
}
every_bundle = pytest.mark.parametrize("bundle", BUNDLES)
Trained = Callable[[str], Path]


@pytest.fixture(scope="module")
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Gives the folder of a bundle's CTAN, trained for one epoch from the repository's root and evaluated."""
    folders: dict[str, Path] = {}

    def train(bundle: str) -> Path:
        if bundle not in folders:
            data, output = request.getfixturevalue(BUNDLES[bundle].phantom), tmp_path_factory.mktemp(bundle)
            arguments = BUNDLES[bundle].arguments(data, output)
            bundle_run(bundle, "training", ["train", "smoke"], *arguments)
            bundle_run(bundle, "evaluating", ["train", "evaluate"], *arguments[:4], "--num_workers", "0")
            folders[bundle] = output
        return folders[bundle]

    return train


def evaluation_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "evaluation" / "evaluation.json").read_text())


def config(bundle: str, name: str) -> dict[str, Any]:
    return json.loads((REPOSITORY / "bundles" / bundle / "configs" / f"{name}.json").read_text())


@every_bundle
def test_training_writes_its_model_checkpoint_and_logs(bundle: str, trained: Trained) -> None:
    folder, tasks = trained(bundle), list(BUNDLES[bundle].outputs)
    written = {path.name for path in folder.iterdir()}
    assert {"model.pt", "checkpoint.pt", "training_log.csv", "validation_log.csv"} <= written
    events = EventAccumulator(str(folder / "tensorboard")).Reload().Tags()
    expected = {"Loss", "score", *(f"{task}_{kind}" for task in tasks for kind in ("loss", "weight")), *tasks}
    assert expected <= set(events["scalars"])
    assert events["images"] == [], "pictures are diagnostics, off by default"
    (row,) = EpochLog.read(folder / "training_log.csv")
    for task in tasks:
        assert float(row[f"{task}_loss"]) > 0
        assert float(row[f"{task}_weight"]) == 1.0
    (row,) = EpochLog.read(folder / "validation_log.csv")
    values = [float(row[task] or "nan") for task in tasks]  # no AUROC where the phantom's few cases are of one class
    assert float(row["score"]) == pytest.approx(np.nanmean(values))
    assert bundle == "stoic" or np.isfinite(values).all()
    assert set(row) == {"epoch", "score", "seconds", *tasks}


@every_bundle
def test_evaluation_writes_json_csv_and_a_report(bundle: str, trained: Trained, request: pytest.FixtureRequest) -> None:
    folder, recipe = trained(bundle), BUNDLES[bundle]
    listed = json.loads((request.getfixturevalue(recipe.phantom) / "datalist.json").read_text())["test"]
    evaluation = evaluation_of(folder)
    cases = evaluation["images" if bundle == "ham10000" else "patients"]
    assert set(cases) == {case["case_id"] for case in listed}
    with (folder / "evaluation" / recipe.table).open() as file:
        assert {row["case_id"] for row in csv.DictReader(file)} == set(cases)
    page = (folder / "evaluation" / "report.html").read_text()
    assert "data:image/png;base64," in page
    assert not re.search(r"(src|href)=.https?://", page)
    training, settings = evaluation["provenance"]["training"], evaluation["provenance"]["config"]
    assert (training["values"]["weighting"], training["max_epochs"], training["seed"]) == ("DWA", 1, 0)
    wanted = {"method": "CTAN", "backbone": recipe.backbone, "section": "test", **recipe.settings}
    assert {key: settings[key] for key in wanted} == wanted


@every_bundle
def test_exported_torchscript_equals_eager(bundle: str, trained: Trained, tmp_path: Path) -> None:
    recipe, model, scripted = BUNDLES[bundle], trained(bundle) / "model.pt", tmp_path / "model.ts"
    configs = f"bundles/{bundle}/configs"
    result = run_tool(
        "-m", "monai.bundle", "ckpt_export", "network_def", "--filepath", str(scripted), "--ckpt_file", str(model),
        "--meta_file", f"{configs}/metadata.json", "--config_file", f"{configs}/inference.json",
        "--backbone", recipe.backbone, "--stem", "conv7x7",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    tasks = config(bundle, "train")["available_tasks"]
    network = load_weights(CTAN(2, recipe.image[1], tasks, recipe.backbone, "conv7x7"), model).eval()
    torch.manual_seed(0)
    image = torch.rand(recipe.image)
    with torch.inference_mode():
        expected, found = network(image), torch.jit.load(str(scripted)).eval()(image)
    assert {task: tuple(value.shape) for task, value in found.items()} == recipe.outputs
    for task, value in expected.items():
        torch.testing.assert_close(found[task], value, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("bundle", "task"),
    [
        ("openkbp", "dose"),
        pytest.param("ham10000", "segmentation", marks=pytest.mark.slow),
        pytest.param("ham10000", "diagnosis", marks=pytest.mark.slow),
        ("stoic", "severity"),
    ],
)
def test_one_task_from_inside_the_bundle_by_the_default_run_id(
    bundle: str, task: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    data = request.getfixturevalue(BUNDLES[bundle].phantom)
    arguments = BUNDLES[bundle].arguments(data, tmp_path)
    method = ["--method", "STL", "--task_names", f"['{task}']", "--weighting", "equal"]
    if bundle == "openkbp":
        method += ["--diagnostics", "true"]
    bundle_run(bundle, "", ["train", "smoke"], *arguments, *method, inside=True)
    pictures = EventAccumulator(str(tmp_path / "tensorboard")).Reload().Tags()["images"]
    assert pictures == (["validation_case"] if bundle == "openkbp" else [])
    (row,) = EpochLog.read(tmp_path / "validation_log.csv")
    assert set(row) == {"epoch", "score", "seconds", task}
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    assert {key.split(".")[1] for key in state if key.startswith("decoders.")} == {task}
    bundle_run(bundle, "", ["train", "evaluate"], *arguments[:4], "--num_workers", "0", inside=True)
    summary = evaluation_of(tmp_path)["summary"]
    if bundle == "openkbp":
        assert summary["dose_score"] is not None
        assert "dice" not in summary["metrics"]
    elif bundle == "stoic":
        assert set(summary["measures"]) == {"severity", "severity_among_covid"}
    else:
        assert (summary["diagnosis"] is None) == (task != "diagnosis")
        photo = next((data.parent / "release").rglob("*.jpg"))
        bundle_run(
            bundle, "", ["inference"],
            "--dataset_dir", str(photo), "--output_dir", str(tmp_path / "results"),
            "--checkpoint", str(tmp_path / "model.pt"), inside=True,
        )  # fmt: skip
        written = {path.name for path in (tmp_path / "results").iterdir()}
        masks = {f"{photo.stem}_segmentation.png"} if task == "segmentation" else set()
        assert written == {"inputs.json", "predictions.csv"} | masks


def test_what_the_report_of_each_bundle_states(trained: Trained, prostate_phantom: Path) -> None:
    evaluation = evaluation_of(trained("openkbp"))
    assert evaluation["summary"]["patients"] == 1
    assert evaluation["summary"]["dose_score"] > 0
    page = (trained("openkbp") / "evaluation" / "report.html").read_text()
    assert "OpenKBP phantom: evaluation report" in page, "synthetic data do not pass as the release"

    evaluation = evaluation_of(trained("prostate"))
    ((_, row),) = evaluation["patients"].items()
    (case,) = read_datalist(prostate_phantom, "test")
    assert {f"dice_{label}" for label in PROSTATE_LABELS} <= set(row)
    # the reference is the patient's own CT grid, as it was drawn
    spacing, structures = case["original"]["spacing"], case["original"]["structures"]
    dose = np.asanyarray(nib.load(case["original"]["dose"]).dataobj)
    ctv = np.asanyarray(nib.load(structures["ctv"]).dataobj) > 0
    assert spacing != [3.0, 3.0, 3.0]
    assert row["dvh_reference_ctv_D_95"] == pytest.approx(float(np.percentile(dose[ctv].astype(float), 5)))
    assert row["mae_body"] > row["mae_whole_volume"] > 0
    assert row["dose_score"] is None and evaluation["summary"]["dvh_score"] is None
    page = (trained("prostate") / "evaluation" / "report.html").read_text()
    assert "CTV D95" in page and "DVH error" in page and "OpenKBP" not in page

    assert evaluation_of(trained("ham10000"))["summary"]["diagnosis"]["accuracy"] is not None

    evaluation = evaluation_of(trained("stoic"))
    measures = evaluation["summary"]["measures"]
    assert measures["covid"]["n"] == measures["severity"]["n"] == evaluation["summary"]["patients"] == 3
    assert measures["severity_among_covid"]["n"] == sum(p["covid"] for p in evaluation["patients"].values())
    assert "ROC" in (trained("stoic") / "evaluation" / "report.html").read_text()


def test_inference_returns_the_patients_grid(trained: Trained, phantom: Path, tmp_path: Path) -> None:
    ct = next((phantom / "test").iterdir()) / "ct.nii"
    bundle_run(
        "openkbp", "inferring", ["inference"],
        "--dataset_dir", str(ct), "--output_dir", str(tmp_path), "--checkpoint", str(trained("openkbp") / "model.pt"),
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


def test_validation_counts_nothing_outside_the_body(phantom: Path) -> None:
    """A network that sees an organ and a dose everywhere: what inference removes, validation does not count either."""
    parser = ConfigParser()
    parser.read_config([str(REPOSITORY / "bundles/openkbp/configs" / f"{name}.json") for name in ("train", "smoke")])
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
@pytest.mark.filterwarnings("ignore")  # MLflow's own, of its database
def test_tracking_by_mlflow_records_losses_weights_and_scores(phantom: Path, tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed (pip install mlflow)")
    arguments = BUNDLES["openkbp"].arguments(phantom, tmp_path)
    bundle_run("openkbp", "training", ["train", "smoke"], *arguments, "--tracking", "mlflow")
    client = mlflow.tracking.MlflowClient(f"sqlite:///{tmp_path / 'mlruns.db'}")
    (experiment,) = (e for e in client.search_experiments() if e.name == "monai_experiment")
    (run,) = client.search_runs([experiment.experiment_id])
    wanted = {"train_loss", "segmentation_loss", "dose_loss", "segmentation_weight", "dose_weight", "score", "dose"}
    assert wanted <= set(run.data.metrics)


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
        "openkbp", "training", ["train", "smoke"],
        "--dataset_dir", prepared, "--output_dir", output, "--num_workers", "0",
        "--functional_test", f"{output}/model.pt",
    )  # fmt: skip
    test = json.loads((tmp_path / "output" / "training.json").read_text())["functional_test"]
    assert test["score"] > 0.5
    losses = {part: found["loss"] for part, found in test["parts"].items()}
    assert losses["equation2"] > 0.002
    assert losses["other_task"] > 0.001


def test_prostate_configs_are_those_of_the_preparation() -> None:
    train, evaluate = config("prostate", "train"), config("prostate", "evaluate")
    assert list(train["label_names"]) == list(PROSTATE_LABELS)
    assert list(train["label_names"].values()) == [1, 2, 3, 4, 5]
    assert train["spacing"] == list(NETWORK_SPACING)
    assert train["roi_size"] == list(NETWORK_SIZE)
    assert train["mirror_pairs"] == [[train["label_names"]["left_femur"], train["label_names"]["right_femur"]]]
    # evaluation takes the way of inference from the CT to the network and back
    assert evaluate["validate::preprocessing"]["transforms"][-1] == "$@validate::inference['preprocessing']"
    assert evaluate["validate::postprocessing"] == "$@validate::inference['postprocessing']"


def test_evaluation_and_inference_give_the_same(trained: Trained, prostate_phantom: Path, tmp_path: Path) -> None:
    (case,) = read_datalist(prostate_phantom, "test")
    ct = case["original"]["image"]
    model = ["--checkpoint", str(trained("prostate") / "model.pt"), "--num_workers", "0", "--amp", "false"]
    paths = ["--dataset_dir", str(ct), "--output_dir", str(tmp_path / "results")]
    bundle_run("prostate", "inferring", ["inference"], *paths, *model)
    (labels,) = (tmp_path / "results").glob("*_segmentation.nii.gz")
    paths = ["--dataset_dir", str(prostate_phantom), "--output_dir", str(tmp_path)]
    bundle_run("prostate", "evaluating", ["train", "evaluate"], *paths, *model)
    row = next(iter(json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())["patients"].values()))
    reference = np.asanyarray(nib.load(case["original"]["segmentation"]).dataobj)
    predicted = np.asanyarray(nib.load(labels).dataobj)
    for name, value in config("prostate", "train")["label_names"].items():
        a, b = predicted == value, reference == value
        if not b.any():  # one structure of this patient was not contoured
            assert row[f"dice_{name}"] is None
            continue
        assert row[f"dice_{name}"] == pytest.approx(200 * (a & b).sum() / (a.sum() + b.sum()), abs=1e-6)


def test_inference_on_a_dicom_series_returns_its_grid(trained: Trained, prostate_phantom: Path, tmp_path: Path) -> None:
    """A patient's whole folder: structures and dose beside the CT are not read."""
    patient = prostate_phantom.parent / "release" / "patient 001"
    output = bundle_run(
        "prostate", "inferring", ["inference"],
        "--dataset_dir", str(patient), "--output_dir", str(tmp_path),
        "--checkpoint", str(trained("prostate") / "model.pt"),
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


def test_inference_on_photographs(trained: Trained, ham10000_phantom: Path, tmp_path: Path) -> None:
    photo = next((ham10000_phantom.parent / "release").rglob("*.jpg"))
    upright = tmp_path / "in" / "upright.png"
    upright.parent.mkdir()
    Image.open(photo).transpose(Image.Transpose.ROTATE_90).save(upright)
    (tmp_path / "in" / photo.name).write_bytes(photo.read_bytes())
    output = tmp_path / "results"
    bundle_run(
        "ham10000", "inferring", ["inference"], "--dataset_dir", str(upright.parent), "--output_dir", str(output),
        "--checkpoint", str(trained("ham10000") / "model.pt"),
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


def test_inference_gives_what_evaluation_gave(
    trained: Trained, stoic_phantom_release: Path, real_chests: dict[str, Path], tmp_path: Path
) -> None:
    """A patient of the test split as .mha, NIfTI and DICOM series; and the real chests."""
    evaluation = json.loads((trained("stoic") / "evaluation" / "evaluation.json").read_text())
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
        "stoic", "inferring", ["inference"], "--dataset_dir", str(inputs), "--output_dir", str(tmp_path / "out"),
        "--checkpoint", str(trained("stoic") / "model.pt"), "--amp", "False",
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
