# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A pelvis and a head-and-neck patient through the head-and-neck network, as its recipient runs it."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from dicom_validation import dicom_errors
from support import REPOSITORY, run_tool

from ctan_monai.data.openkbp.case import prepare_case
from ctan_monai.dicom import write_ct_series

pytestmark = pytest.mark.slow
SMALL = REPOSITORY / "bundles" / "openkbp" / "models" / "ctan_small" / "model.pt"
VERDICT = "4 of 4 structures were not found or have a size far from any training patient's"
DICOM = ("rtstruct", "seg", "rtdose")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    command = ["openkbp", "--checkpoint", str(SMALL), "--half", "--output", str(folder / "openkbp.zip")]
    done = run_tool("tools/pack_bundle.py", *command)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(folder / "openkbp.zip") as archive:
        archive.extractall(folder)
    return folder / "openkbp"


@pytest.fixture(scope="module")
def both(pelvis: Path, openkbp_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DICOM series of the two patients."""
    pytest.importorskip("highdicom")
    folder = tmp_path_factory.mktemp("both")
    prepare_case(next(openkbp_source.rglob("pt_253")), folder / "case")
    ct = nib.load(folder / "case" / "ct.nii")
    write_ct_series(folder / "in" / "head", np.asarray(ct.dataobj), ct.affine, "P1")
    shutil.copytree(pelvis / "CT", folder / "in" / "pelvis")
    return folder / "in"


def names(folder: Path, case: str) -> set[str]:
    return {p.name.removeprefix(f"{case}_") for p in folder.iterdir() if p.name.startswith(f"{case}_")}


@pytest.mark.parametrize("options", [(), ("--write-implausible",)])
def test_a_pelvis_beside_a_head(bundle: Path, both: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    command = ["-m", "ctan_monai.packing.predict", "--bundle", str(bundle), "--device", "cpu", "--dicom", *options]
    done = run_tool(*command, str(both), str(tmp_path))
    assert done.returncode == 3, done.stdout + done.stderr
    assert f"pelvis: NOT USABLE, see pelvis_report.json: {VERDICT}" in done.stdout
    assert "error: use none of the results of pelvis (1 of 2 cases)." in done.stderr.splitlines()
    assert not list(tmp_path.glob(".*"))
    looked_at = {"segmentation.nii.gz", "dose.nii.gz", "report.json", "page.html"}
    written = {f"{kind}.dcm" for kind in DICOM}
    assert names(tmp_path, "head") == looked_at | written
    assert names(tmp_path, "pelvis") == (looked_at | written if options else looked_at)
    reports = {case: json.loads((tmp_path / f"{case}_report.json").read_text()) for case in ("head", "pelvis")}
    assert reports["head"]["usable"] is True and reports["head"]["unusable_because"] == ""
    assert reports["pelvis"]["usable"] is False and reports["pelvis"]["unusable_because"].startswith(VERDICT)
    assert reports["pelvis"].get("withheld_dicom") == (None if options else list(DICOM))
    assert VERDICT in (tmp_path / "pelvis_page.html").read_text().replace("&#39;", "'").split("<section")[0]
    for case in ("head", "pelvis") if options else ("head",):
        prefix = "IMPLAUSIBLE" if case == "pelvis" else ""
        structures, segments, dose = (pydicom.dcmread(tmp_path / f"{case}_{kind}.dcm") for kind in DICOM)
        for dataset in (structures, segments, dose):
            assert dataset.SeriesDescription.startswith(prefix or "Research use only, predicted by")
        assert structures.StructureSetLabel == (prefix or "ctan-monai")
        labels = [r.ROIName for r in structures.StructureSetROISequence] + [
            s.SegmentLabel for s in segments.SegmentSequence
        ]
        assert all(label.startswith("IMPLAUSIBLE ") == bool(prefix) for label in labels)
        assert all(dicom_errors(tmp_path / f"{case}_{kind}.dcm") == [] for kind in DICOM)


def test_a_head_alone_and_the_line_of_the_bundles_own_command(bundle: Path, both: Path, tmp_path: Path) -> None:
    command = ["-m", "ctan_monai.packing.predict", "--bundle", str(bundle), "--device", "cpu", "--dicom"]
    done = run_tool(*command, str(both / "head"), str(tmp_path / "head"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert names(tmp_path / "head", "head") >= {f"{kind}.dcm" for kind in DICOM}
    done = run_tool(
        "-m", "monai.bundle", "run", "inferring", "--config_file", str(bundle / "configs" / "inference.json"),
        "--dataset_dir", str(both / "pelvis"), "--output_dir", str(tmp_path / "pelvis"), "--dicom_output", "True",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"pelvis: NOT USABLE, see pelvis_report.json: {VERDICT}" in done.stdout
    assert not list((tmp_path / "pelvis").glob("*.dcm"))
