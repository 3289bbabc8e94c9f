# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A small CT in every position of a patient, with structures and a dose, for tests of DICOM output."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ctan_monai.dicom import DicomSource, read_source, write_ct_series

SHAPE = (14, 11, 6)
NAMES = {"rectum": 1, "bladder": 2, "left_femur": 3, "right_femur": 4, "ctv": 5}
SPACING = (2.0, 3.0, 5.0)
_TURN = np.radians(6)
# signs and axes of columns, rows and slices in LPS
POSITIONS = {
    "HFS": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "HFP": [[-1, 0, 0], [0, -1, 0], [0, 0, 1]],
    "FFS": [[-1, 0, 0], [0, 1, 0], [0, 0, -1]],
    "FFP": [[1, 0, 0], [0, -1, 0], [0, 0, -1]],
    "files from head to feet": [[1, 0, 0], [0, 1, 0], [0, 0, -1]],
    "a turned head": [[np.cos(_TURN), np.sin(_TURN), 0], [-np.sin(_TURN), np.cos(_TURN), 0], [0, 0, 1]],
}


def affine_of(position: str) -> np.ndarray:
    """Index to RAS mm."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(POSITIONS[position], float).T * SPACING
    affine[:3, 3] = 30, -40, 100.3
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def write_ct(folder: Path, position: str = "HFS") -> DicomSource:
    """The CT; its values are random."""
    hu = np.random.default_rng(0).integers(-1000, 1000, SHAPE)
    write_ct_series(folder, hu, affine_of(position), patient_id="Muster")
    return read_source(folder)


def label_map() -> np.ndarray:
    """Five labels of random shape, uint8: holes, islands in holes, single voxels, voxels that touch at a corner."""
    return np.random.default_rng(1).integers(0, 6, SHAPE).astype(np.uint8)


def dose_map() -> np.ndarray:
    """Gy."""
    x, y, z = np.indices(SHAPE, dtype=float)
    return (70 * np.exp(-(((x - 6) / 5) ** 2 + ((y - 5) / 4) ** 2 + ((z - 2) / 3) ** 2))).astype(np.float32)
