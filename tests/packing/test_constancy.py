# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A change of contours, dose or verdict ends the constancy check with exit status 1; none ends it with 0."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from dicom_cases import NAMES, affine_of, dose_map, label_map, write_ct
from support import packed_small_network

from ctan_monai.dicom import mask_outlines, read_source, write_rtdose, write_rtstruct
from ctan_monai.packing import constancy


def write_results(folder: Path, ct: Path, labels: np.ndarray, dose: np.ndarray, usable: bool = True) -> None:
    """What inference writes of a case, as far as it is compared."""
    folder.mkdir(parents=True)
    affine = affine_of("HFS")
    nib.save(nib.Nifti1Image(labels, affine), folder / "CT_segmentation.nii.gz")
    nib.save(nib.Nifti1Image(dose.astype(np.float32), affine), folder / "CT_dose.nii.gz")
    (folder / "CT_report.json").write_text(json.dumps({"usable": usable}))
    (folder / "CT_page.html").write_text(str(folder))
    source = read_source(ct)
    lines = {name: mask_outlines(labels == label, affine) for name, label in NAMES.items() if (labels == label).any()}
    write_rtstruct(folder / "CT_rtstruct.dcm", source, lines)
    write_rtdose(folder / "CT_rtdose.dcm", source, dose, affine)


def one_voxel(labels: np.ndarray) -> np.ndarray:
    changed = labels.copy()
    changed[tuple(np.argwhere(labels == 1)[0])] = 0
    return changed


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    folder = tmp_path / "reference"
    write_ct(folder / "input" / "CT")
    labels = np.zeros(label_map().shape, np.uint8)
    labels[2:8, 2:8, 1:5], labels[9:12, 2:9, 1:5] = 1, 2
    write_results(folder / "results", folder / "input" / "CT", labels, dose_map())
    return folder


@pytest.mark.parametrize(
    ("labels", "dose", "usable", "changed"),
    [
        (lambda it: it, lambda it: it, True, []),
        (lambda it: it, lambda it: it + 0.04, True, []),
        (lambda it: it, lambda it: it + 0.06, True, ["CT_dose.nii.gz", "CT_rtdose.dcm"]),
        (one_voxel, lambda it: it, True, ["CT_rtstruct.dcm, rectum", "CT_segmentation.nii.gz, label 1"]),
        (
            lambda it: it * (it == 1),
            lambda it: it,
            True,
            ["CT_rtstruct.dcm, bladder", "CT_segmentation.nii.gz, label 2"],
        ),
        (lambda it: it, lambda it: it, False, ["CT_report.json"]),
    ],
    ids=["nothing", "a small dose", "a dose", "a voxel", "a structure", "the verdict"],
)
def test_what_is_a_change(
    labels: Callable[[np.ndarray], np.ndarray],
    dose: Callable[[np.ndarray], np.ndarray],
    usable: bool,
    changed: list[str],
    reference: Path,
    tmp_path: Path,
) -> None:
    stored = np.asanyarray(nib.load(reference / "results" / "CT_segmentation.nii.gz").dataobj)
    write_results(tmp_path / "now", reference / "input" / "CT", labels(stored), dose(dose_map()), usable)
    found = list(constancy._differences(reference, tmp_path / "now", 1.0, 0.05))
    assert [line.split(":")[0] for line, same in found if not same] == changed
    assert len(found) == 7


def test_a_voxel_within_the_tolerance(reference: Path, tmp_path: Path) -> None:
    stored = np.asanyarray(nib.load(reference / "results" / "CT_segmentation.nii.gz").dataobj)
    write_results(tmp_path / "now", reference / "input" / "CT", one_voxel(stored), dose_map())
    assert all(same for _, same in constancy._differences(reference, tmp_path / "now", 0.99, 0.05))


def test_files_that_come_and_go(reference: Path, tmp_path: Path) -> None:
    shutil.copytree(reference / "results", tmp_path / "now")
    (tmp_path / "now" / "CT_rtdose.dcm").unlink()
    (tmp_path / "now" / "CT_seg.dcm").write_bytes(b"")
    found = [line for line, same in constancy._differences(reference, tmp_path / "now", 1.0, 0.05) if not same]
    assert found == ["CT_rtdose.dcm: missing", "CT_seg.dcm: new"]


def test_another_grid(reference: Path, tmp_path: Path) -> None:
    shutil.copytree(reference / "results", tmp_path / "now")
    for name in ("CT_dose.nii.gz", "CT_segmentation.nii.gz"):
        image = nib.load(tmp_path / "now" / name)
        affine = image.affine.copy()
        affine[0, 3] += 1
        nib.save(nib.Nifti1Image(np.asanyarray(image.dataobj), affine), tmp_path / "now" / name)
    found = [line for line, same in constancy._differences(reference, tmp_path / "now", 1.0, 0.05) if not same]
    assert found == ["CT_dose.nii.gz: another grid", "CT_segmentation.nii.gz: another grid"]


def test_what_cannot_be_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert constancy.main([str(tmp_path / "none")]) == 2
    assert constancy.main([str(tmp_path), "--phantom", "openkbp"]) == 2
    assert constancy.main([str(tmp_path / "new"), "--store", str(tmp_path / "ct"), "--bundle", str(tmp_path)]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3
    assert "not a reference" in errors[0] and "exists" in errors[1] and "no such file" in errors[2]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_bundle_on_the_phantom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle, reference = packed_small_network(tmp_path), tmp_path / "reference"
    command = [str(reference), "--bundle", str(bundle), "--device", "cpu"]
    assert constancy.main([*command, "--phantom", "openkbp"]) == 0
    assert constancy.main(command) == 0
    assert "Nothing changed." in capsys.readouterr().out
    path = next((reference / "results").glob("*_dose.nii.gz"))
    image = nib.load(path)
    dose = np.asanyarray(image.dataobj).copy()
    dose[0, 0, 0] += 0.1
    nib.save(nib.Nifti1Image(dose, image.affine), path)
    record = json.loads((reference / "constancy.json").read_text())
    record["packages"]["torch"] = "2.0.0"
    (reference / "constancy.json").write_text(json.dumps(record))
    assert constancy.main(command) == 1
    out = capsys.readouterr().out
    assert "torch: 2.0.0 -> " in out and f"CHANGED {path.name}: largest difference 0.1000 Gy" in out
    assert "Changed: 1." in out
