# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""MONAI Label serves every bundle: "make label-test", in an environment of its own."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from label_server import LABEL, LabelServer
from PIL import Image
from trained_bundles import RECIPES, TrainedBundle, infer_by_bundle, trained_bundle

AS_CLASSIFICATION = "stoic_classification"  # Label takes the kind of a model from its folder's name


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("label")


@pytest.fixture(scope="session")
def bundles() -> dict[str, TrainedBundle]:
    return {name: trained_bundle(name) for name in RECIPES}


@pytest.fixture(scope="session")
def images(work: Path, bundles: dict[str, TrainedBundle]) -> dict[str, Path]:
    """An image of each kind, in a form that Label's folders of studies can hold: the same file goes to both sides."""
    studies = work / "studies"
    studies.mkdir()
    files = {"openkbp": studies / "head.nii", "ham10000": studies / "lesion.jpg"}
    for name, file in files.items():
        shutil.copy(bundles[name].example, file)
    files["stoic"] = studies / "chest.nii.gz"
    sitk.WriteImage(sitk.ReadImage(str(bundles["stoic"].example)), str(files["stoic"]))
    files["prostate"] = bundles["prostate"].example  # a DICOM series: Label takes the path of its folder
    return files


@pytest.fixture(scope="session")
def expected(work: Path, bundles: dict[str, TrainedBundle], images: dict[str, Path]) -> dict[str, Path]:
    return {name: infer_by_bundle(bundles[name], images[name], work / "expected" / name) for name in RECIPES}


@pytest.fixture(scope="session")
def server(work: Path, bundles: dict[str, TrainedBundle], images: dict[str, Path]) -> Iterator[LabelServer]:
    apps = work / "apps"
    subprocess.run([*LABEL, "apps", "--download", "--name", "monaibundle", "--output", str(apps)], check=True)
    for name, bundle in bundles.items():
        shutil.copytree(bundle.folder, apps / "monaibundle" / "model" / name)
    shutil.copytree(bundles["stoic"].folder, apps / "monaibundle" / "model" / AS_CLASSIFICATION)
    with LabelServer(apps / "monaibundle", work / "studies", [*bundles, AS_CLASSIFICATION], work / "server.log") as it:
        yield it


def test_every_bundle_is_listed(server: LabelServer) -> None:
    models = server.get("/info/")["models"]
    assert set(models) == {*RECIPES, AS_CLASSIFICATION}
    assert models["openkbp"]["labels"] == {"brainstem": 1, "spinal cord": 2, "right parotid": 3, "left parotid": 4}
    assert models["openkbp"]["config"]["show"] == ["segmentation", "dose"]
    assert models[AS_CLASSIFICATION]["type"] == "classification"


def volume(
    server: LabelServer, model: str, image: str, folder: Path, show: str, write_implausible: bool = True
) -> nib.Nifti1Image:
    request = {"show": show, "result_extension": ".nii.gz", "write_implausible": write_implausible}
    answer = server.infer(model, image, "image", request)
    assert answer.status_code == 200, server.log.read_text()[-5000:]
    file = folder / f"{show}.nii.gz"
    file.write_bytes(answer.content)
    return nib.load(file)


@pytest.mark.parametrize("model", ["openkbp", "prostate"])
def test_contours_and_dose_are_those_of_the_bundle_on_the_ct_grid(
    server: LabelServer, images: dict[str, Path], expected: dict[str, Path], model: str, tmp_path: Path
) -> None:
    image = "head" if model == "openkbp" else str(images[model])
    for show, tolerance in (("segmentation", 0.0), ("dose", 1e-3)):
        found = volume(server, model, image, tmp_path, show)
        wanted = nib.load(next(expected[model].glob(f"*_{show}.nii.gz")))
        np.testing.assert_allclose(found.affine, wanted.affine, atol=1e-4)
        np.testing.assert_allclose(found.get_fdata(), wanted.get_fdata(), rtol=0, atol=tolerance)
        if model == "prostate" or show == "dose":  # one epoch of openkbp's small network finds no organ yet
            assert found.get_fdata().max() > 0
        assert found.get_data_dtype() == (np.uint8 if show == "segmentation" else np.float32)
    report: dict[str, Any] = server.infer(model, image, "json").json()["report"]
    stored = json.loads(next(expected[model].glob("*_report.json")).read_text())
    assert report["warnings"] == stored["warnings"]
    assert report["usable"] == stored["usable"]
    shown = volume(server, model, image, tmp_path, "dose", write_implausible=False).get_fdata()
    assert shown.any() == report["usable"]  # else withheld


def test_a_lesions_mask_and_seven_probabilities(server: LabelServer, expected: dict[str, Path], tmp_path: Path) -> None:
    file = tmp_path / "mask.png"
    file.write_bytes(server.infer("ham10000", "lesion", "image").content)
    wanted = np.asarray(Image.open(next(expected["ham10000"].glob("*_segmentation.png")))) > 0
    np.testing.assert_array_equal(np.asarray(Image.open(file)) > 0, wanted)
    with (expected["ham10000"] / "predictions.csv").open() as table:
        row = next(csv.DictReader(table))
    diagnosis = server.infer("ham10000", "lesion", "json").json()["diagnosis"]
    assert list(diagnosis) == ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    assert diagnosis == pytest.approx({name: float(row[name]) for name in diagnosis}, abs=1e-4)


def test_a_chest_has_two_probabilities(server: LabelServer, expected: dict[str, Path]) -> None:
    wanted = json.loads(next(expected["stoic"].glob("*_probabilities.json")).read_text())["probabilities"]
    answer = server.infer("stoic", "chest", "json").json()
    assert {task: answer[task] for task in wanted} == pytest.approx(wanted, abs=1e-4)
    scores = server.infer(AS_CLASSIFICATION, "chest", "json").json()["prediction"]
    assert [item["score"] for item in scores] == pytest.approx([wanted["covid"], wanted["severity"]], abs=1e-4)


def test_a_map_that_there_is_not(server: LabelServer) -> None:
    assert server.infer("openkbp", "head", "image", {"show": "doze"}).status_code == 500
    for _ in range(100):  # the log follows the answer
        if "'show' is 'doze': this model has segmentation, dose." in server.log.read_text():
            return
        time.sleep(0.2)
    pytest.fail(server.log.read_text()[-5000:])


@pytest.mark.parametrize("model", ["openkbp", "stoic"])
def test_training_is_refused_with_the_reason_last(server: LabelServer, model: str) -> None:
    status = server.train(model, {"max_epochs": 1, "val_split": -1})
    assert status["status"] == "ERROR"
    assert "cannot train this bundle" in status["details"][-1]
    assert "ctan-monai prepare" in status["details"][-1]
