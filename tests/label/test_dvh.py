# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Our RTSTRUCT and RTDOSE as dicompyler-core sees them, in an environment of its own (see dvh_dicompyler.py)."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from ctan_monai.dicom import (
    mask_outlines,
    plan_dose,
    predicted_by,
    rasterize,
    read_source,
    read_structures,
    resample_dose,
    write_rtdose,
    write_rtstruct,
)

SMALL_CC = 10.0


def test_mean_doses_and_volumes_are_ours(pelvis: Path, tmp_path: Path) -> None:
    python = os.environ.get("CTAN_DICOMPYLER_PYTHON")
    if not python:
        pytest.skip("CTAN_DICOMPYLER_PYTHON names no python that has dicompyler-core (tests/label/dvh_dicompyler.py)")
    source = read_source(pelvis / "CT")
    frame = source.slices[0].FrameOfReferenceUID
    gray = resample_dose(plan_dose([pelvis / "RD.dcm"], frame)[0], source.affine, source.shape)
    masks = {
        structure.name: rasterize(structure, source.affine, source.shape)[0]
        for structure in read_structures(pelvis / "RS.dcm", frame)
    }
    maker = predicted_by("prostate")
    outlines = {name: mask_outlines(mask, source.affine) for name, mask in masks.items()}
    write_rtstruct(tmp_path / "RS.dcm", source, outlines, maker)
    write_rtdose(tmp_path / "RD.dcm", source, gray, source.affine, maker)
    script = str(Path(__file__).with_name("dvh_dicompyler.py"))
    command = [python, script, str(tmp_path / "RS.dcm"), str(tmp_path / "RD.dcm")]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    table = json.loads(subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout)
    voxel_cc = abs(np.linalg.det(source.affine[:3, :3])) / 1000
    assert set(table) == set(masks)
    for name, mask in masks.items():
        tolerance = 0.01 if mask.sum() * voxel_cc > SMALL_CC else 0.03
        assert table[name]["mean_gy"] == pytest.approx(float(gray[mask].mean()), rel=tolerance), name
        assert table[name]["volume_cc"] == pytest.approx(mask.sum() * voxel_cc, rel=tolerance), name
