# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Networks that get targets, neighboring slices and positions beside the CT."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from support import bundle_run, run_tool

from ctan_monai.dicom import mask_outlines, read_source, write_ct_series, write_rtstruct

QUICK = ["--max_epochs", "1", "--num_workers", "0", "--batch_size", "16"]


@pytest.mark.slow
def test_a_network_with_targets_gets_them_from_masks_and_from_a_structure_set(phantom: Path, tmp_path: Path) -> None:
    """One epoch; the same patient as NIfTI with masks, and as DICOM with a structure set, has the same dose."""
    inputs = ["--targets", "True", "--context", "[-7.5,-2.5,2.5,7.5]"]
    paths = ["--dataset_dir", str(phantom), "--output_dir", str(tmp_path / "run")]
    bundle_run("openkbp", "training", ["train", "smoke"], *paths, *QUICK, *inputs)
    bundle_run("openkbp", "evaluating", ["train", "evaluate"], *paths, "--num_workers", "0")
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
            "openkbp",
            "inferring",
            ["inference"],
            "--dataset_dir",
            str(ct),
            "--output_dir",
            str(output),
            *weights,
            *targets,
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

    names = "['bundles/openkbp/configs/inference.json']"
    arguments = ["--dataset_dir", str(case / "ct.nii"), "--output_dir", str(tmp_path / "refused")]
    arguments += ["--checkpoint", str(tmp_path / "run" / "model.pt"), "--targets_from", str(tmp_path / "masks")]
    result = run_tool("-m", "monai.bundle", "run", "inferring", "--config_file", names, *arguments)
    assert result.returncode != 0
    assert f"{tmp_path / 'masks'}: there is no target; found 'level" in result.stderr
    assert not list(tmp_path.glob("refused/*"))


@pytest.mark.slow
def test_targets_neighbors_and_position_through_dicom(prostate_phantom: Path, tmp_path: Path) -> None:
    """Trained with them; the RTSTRUCT beside the CT has the target, and the RTDOSE refers to it."""
    inputs = ["--targets", "True", "--context", "[-3,3]", "--position", "True"]
    paths = ["--dataset_dir", str(prostate_phantom), "--output_dir", str(tmp_path / "run")]
    bundle_run("prostate", "training", ["train", "smoke"], *paths, *QUICK, *inputs)
    bundle_run("prostate", "evaluating", ["train", "evaluate"], *paths, "--num_workers", "0")
    assert json.loads((tmp_path / "run" / "evaluation" / "evaluation.json").read_text())["summary"]["patients"] == 1
    patient = prostate_phantom.parent / "release" / "patient 001"
    arguments = ["--dataset_dir", str(patient), "--checkpoint", str(tmp_path / "run" / "model.pt")]
    arguments += ["--dicom_output", "True", "--write_implausible", "True"]  # of a network that has hardly learned
    bundle_run("prostate", "inferring", ["inference"], *arguments, "--output_dir", str(tmp_path / "out"))
    structures = [d for d in map(pydicom.dcmread, patient.rglob("*.dcm")) if d.Modality == "RTSTRUCT"]
    (reference,) = pydicom.dcmread(tmp_path / "out" / "CT_rtdose.dcm").ReferencedStructureSetSequence
    assert reference.ReferencedSOPInstanceUID == structures[0].SOPInstanceUID
