# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The example apps give what the bundles give: "make deploy-test", in an environment of its own."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from support import run_tool
from trained_bundles import infer_by_bundle, trained_bundle

APPS = {
    "openkbp": "radiotherapy_app.py",
    "prostate": "radiotherapy_app.py",
    "ham10000": "photo_app.py",
    "stoic": "chest_app.py",
}


def run_app(name: str, tmp_path: Path) -> tuple[Path, Path]:
    """Results of the app and of the bundle for one input: two folders."""
    bundle = trained_bundle(name)
    output = tmp_path / "app"
    result = run_tool(
        f"docs/examples/monai_deploy/{APPS[name]}", "-i", str(bundle.example), "-m", str(bundle.folder),
        "-o", str(output), HOLOSCAN_LOG_LEVEL="ERROR",
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return output, infer_by_bundle(bundle, bundle.example, tmp_path / "bundle")


@pytest.mark.parametrize("name", ["openkbp", "prostate"])
def test_contours_and_dose(name: str, tmp_path: Path) -> None:
    app, bundle = run_app(name, tmp_path)
    for file, tolerance in (("segmentation.nii.gz", 0.0), ("dose.nii.gz", 1e-3)):
        found, wanted = nib.load(app / file), nib.load(next(bundle.glob(f"*_{file}")))
        assert found.get_data_dtype() == wanted.get_data_dtype()  # of a dose: float32, not uint8
        np.testing.assert_allclose(found.affine, wanted.affine, atol=1e-4)
        np.testing.assert_allclose(found.get_fdata(), wanted.get_fdata(), rtol=0, atol=tolerance)
        if name == "prostate":  # one epoch of openkbp's small network finds no organ yet
            assert found.get_fdata().max() > 0


def test_lesion(tmp_path: Path) -> None:
    app, bundle = run_app("ham10000", tmp_path)
    wanted = np.asarray(Image.open(next(bundle.glob("*_segmentation.png"))))
    np.testing.assert_array_equal(np.asarray(Image.open(app / "segmentation.png")), wanted)
    with (bundle / "predictions.csv").open() as table:
        row = next(csv.DictReader(table))
    diagnosis = json.loads((app / "diagnosis.json").read_text())
    assert list(diagnosis) == ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    assert diagnosis == pytest.approx({name: float(row[name]) for name in diagnosis}, abs=1e-4)


def test_chest(tmp_path: Path) -> None:
    app, bundle = run_app("stoic", tmp_path)
    wanted = json.loads(next(bundle.glob("*_probabilities.json")).read_text())["probabilities"]
    assert json.loads((app / "probabilities.json").read_text()) == pytest.approx(wanted, abs=1e-4)
