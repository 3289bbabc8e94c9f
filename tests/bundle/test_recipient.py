# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A zip as its recipient uses it: unpacked outside the repository, in an empty environment, on real images."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image
from support import REPOSITORY, run_tool

pytestmark = pytest.mark.slow
FIXTURES = {
    "openkbp": "phantom",
    "prostate": "prostate_phantom",
    "ham10000": "ham10000_phantom",
    "stoic": "stoic_phantom",
}


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, Any]]:
    """Where the first bundle's environment is; all bundles have the same requirements."""
    yield {}


@pytest.fixture(params=sorted(FIXTURES))
def unpacked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle trained for one epoch on its phantom, packed, and unpacked; the first has the environment for all."""
    name = request.param
    tmp_path = tmp_path_factory.mktemp(name)  # not of one test, after which it would be removed
    prepared: Path = request.getfixturevalue(FIXTURES[name])
    files = str([str(REPOSITORY / "bundles" / name / "configs" / f"{part}.json") for part in ("train", "smoke")])
    result = run_tool(
        "-m", "monai.bundle", "run", "training", "--config_file", files, "--dataset_dir", str(prepared),
        "--output_dir", str(tmp_path / "run"), "--max_epochs", "1", "--num_workers", "0",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    output = tmp_path / f"{name}.zip"
    result = run_tool(
        "tools/pack_bundle.py", name, "--checkpoint", str(tmp_path / "run" / "model.pt"), "--output", str(output),
        "--formats",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    with zipfile.ZipFile(output) as archive:
        archive.extractall(tmp_path / "received")
    return tmp_path / "received" / name


def install(environment: dict[str, Any], bundle: Path) -> Path:
    """The commands of the recipient's README, once; returns the environment's folder of programs."""
    if not environment:
        installing, _ = readme_commands(bundle)
        for command in installing:
            command = re.sub("^python3 ", f"{shlex.quote(sys.executable)} ", command)
            done = subprocess.run(["bash", "-c", command], cwd=bundle.parent, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[-2000:]
        environment["programs"] = bundle.parent / f"{bundle.name}-env" / "bin"
    return environment["programs"]


def readme_commands(bundle: Path) -> tuple[list[str], str]:
    """The lines of the README's blocks of commands: those that install, and the one that predicts."""
    blocks = re.findall(r"^```\n(.*?)^```", (bundle / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    *installing, predicting = "".join(blocks).splitlines()
    return installing, predicting


def images(name: str, request: pytest.FixtureRequest) -> list[Path]:
    """Real images of the kind that the bundle takes."""
    data: Path = request.getfixturevalue("test_data_dir")
    if name == "ham10000":
        return [next((data / "ham10000_600x450_155").rglob("*.jpg"))]
    if name == "stoic":
        return [request.getfixturevalue("real_chests")["1"]]
    return [data / "pelvis_rt_dicom" / "CT", data / "totalseg_ct_nifti" / "example_ct.nii.gz"]


def test_one_command_gives_results(unpacked: Path, environment: dict[str, Any], request: pytest.FixtureRequest) -> None:
    programs = install(environment, unpacked)
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    for image in images(unpacked.name, request):
        results = unpacked.parent / f"results of #{image.name}"
        _, predicting = readme_commands(unpacked)
        words = {f"{unpacked.name}-env/bin/ctan-monai-predict": programs / "ctan-monai-predict"}
        words |= {"INPUT": image, "RESULTS": results}
        command = [str(words.get(word, word)) for word in predicting.split()]
        done = subprocess.run(command, cwd=unpacked.parent, env=clean, capture_output=True, text=True)
        # the radiotherapy images are of another site than the phantoms
        assert done.returncode in (0, 3), done.stdout + done.stderr
        assert (done.returncode == 3) == ("NOT USABLE" in done.stdout)
        assert "Research only: not for diagnosis or treatment." in done.stdout
        check_results(unpacked.name, image, results)


def check_results(name: str, image: Path, results: Path) -> None:
    if name == "ham10000":
        with Image.open(results / f"{image.stem}_segmentation.png") as mask, Image.open(image) as photograph:
            assert mask.size == photograph.size
        (row,) = csv.DictReader((results / "predictions.csv").read_text().splitlines())
        assert sum(float(row[key]) for key in ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")) == pytest.approx(
            1, abs=1e-3
        )
    elif name == "stoic":
        (row,) = csv.DictReader((results / "probabilities.csv").read_text().splitlines())
        assert all(0 < float(row[key]) < 1 for key in ("covid", "severity"))
    else:
        case = image.name.removesuffix(".nii.gz")
        dose, labels = (nib.load(results / f"{case}_{kind}.nii.gz") for kind in ("dose", "segmentation"))
        grid = sitk.ReadImage(str(image)) if image.is_file() else series(image)
        assert dose.shape == labels.shape == grid.GetSize()
        np.testing.assert_allclose(dose.affine[:3, 3] * [-1, -1, 1], grid.GetOrigin(), atol=1e-2)
        assert float(np.asarray(dose.dataobj).max()) > 0
        report = json.loads((results / f"{case}_report.json").read_text())
        assert len(report["weights_sha256"]) == 12
        assert {"patient_id", "series_instance_uid"} <= set(report) or "sha256" in report


def series(folder: Path) -> sitk.Image:
    """The CT as SimpleITK reads it."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()
