# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Left and right, head and feet, and the target's place of a real patient, through DICOM in and out."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine
from support import REPOSITORY, run_tool

from ctan_monai.data.openkbp.case import prepare_case
from ctan_monai.dicom import (
    ct_series,
    mask_outlines,
    rasterize,
    read_dose,
    read_source,
    read_structures,
    resample_dose,
    write_ct_series,
    write_rtstruct,
)

ASYMMETRIC = "pt_253"  # its target of 70 Gy lies on the right: 86 % of it, mirrored, is outside it
MODELS = REPOSITORY / "bundles" / "openkbp" / "models"


@pytest.fixture(scope="module")
def patient(openkbp_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asymmetric") / "test" / ASYMMETRIC
    prepare_case(next(openkbp_source.rglob(ASYMMETRIC)), folder)
    return folder


def center(path: Path, value: float) -> np.ndarray:
    """RAS mm of the voxels of a value."""
    image = nib.load(path)
    return apply_affine(image.affine, np.argwhere(np.asarray(image.dataobj) == value)).mean(axis=0)


@pytest.mark.parametrize(
    ("network", "axes"),
    [
        ("ctan_targets", "LPS"),  # head first, supine
        pytest.param("ctan_targets", "LAI", marks=pytest.mark.slow),  # feet first, prone
        pytest.param("ctan_small", "RPI", marks=pytest.mark.slow),  # feet first, supine
    ],
)
def test_organs_and_dose_lie_where_they_are(network: str, axes: str, patient: Path, tmp_path: Path) -> None:
    ct, targets, drawn = (nib.load(patient / f"{name}.nii") for name in ("ct", "targets", "segmentation"))
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(ct.affine), nib.orientations.axcodes2ornt(axes)
    )
    ct, prescribed = ct.as_reoriented(turn), targets.as_reoriented(turn)
    write_ct_series(tmp_path / "CT", np.asarray(ct.dataobj), ct.affine, "P1")
    source = read_source(tmp_path / "CT")
    gray = np.asarray(prescribed.dataobj)
    outlines = {f"PTV{dose}": mask_outlines(gray == dose, ct.affine) for dose in np.unique(gray[gray > 0])}
    write_rtstruct(tmp_path / "CT" / "RS.dcm", source, outlines)
    result = run_tool(
        "-m", "monai.bundle", "run", "inferring", "--config_file", "bundles/openkbp/configs/inference.json",
        "--dataset_dir", str(tmp_path / "CT"), "--output_dir", str(tmp_path / "out"), "--dicom_output", "True",
        "--checkpoint", str(MODELS / network / "model.pt"),
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-3000:]

    series = ct_series(tmp_path / "CT")
    assert nib.aff2axcodes(series.affine) == tuple(axes)
    structures = {s.name: s for s in read_structures(tmp_path / "out" / "CT_rtstruct.dcm", series.frame_uid)}
    places = {}
    for label, name in enumerate(("brainstem", "spinal_cord", "right_parotid", "left_parotid"), start=1):
        mask, _ = rasterize(structures[name], series.affine, series.shape)
        places[name] = apply_affine(series.affine, np.argwhere(mask)).mean(axis=0)
        distance = np.linalg.norm(places[name] - center(patient / "segmentation.nii", label))
        assert distance < (25 if name == "spinal_cord" else 10), f"{name}: {distance:.1f} mm from where it was drawn"
    assert places["right_parotid"][0] > 20 + places["left_parotid"][0], "RAS: right is positive"
    assert places["brainstem"][2] > 50 + places["spinal_cord"][2]
    assert drawn.shape == ct.shape or axes != "LPS"

    dose = resample_dose(read_dose(tmp_path / "out" / "CT_rtdose.dcm", series.frame_uid), series.affine, series.shape)
    high = gray == 70
    mirrored_place = high[::-1] & ~high  # the first axis runs to the left or right in all of these
    assert mirrored_place.sum() > 0.8 * high.sum()
    in_target, mirrored = float(dose[high].mean()), float(dose[mirrored_place].mean())
    if network == "ctan_targets":
        assert abs(in_target - 70) < 5 and mirrored < in_target - 7, f"{in_target:.1f} and {mirrored:.1f} Gy"
    else:  # it does not know where the target is
        assert in_target > 30
