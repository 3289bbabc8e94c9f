# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Between the patient's axes of DICOM and of NIfTI, and the check of an image's axes."""

from __future__ import annotations

import numpy as np
from nibabel.affines import voxel_sizes

from ctan_monai.utils.errors import InputError

__all__ = ["FARTHEST_MM", "LPS_TO_RAS", "check_axes", "flip_lps"]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])  # DICOM and ITK are LPS, NIfTI and MONAI RAS; it is its own inverse

MAX_ROTATION_DEG = 10.0  # a head turned by this much occurs in training data; more is another kind of image
FARTHEST_MM = 1e5  # of a point from the origin: 100 m
MAX_SHEAR_DEG = 0.5  # rounding of positions stays below; a tilted gantry does not


def flip_lps(points: np.ndarray) -> np.ndarray:
    """Points (..., 3) in mm from LPS to RAS, or back."""
    return points * LPS_TO_RAS.diagonal()[:3]


def check_axes(affine: np.ndarray, name: str) -> None:
    """Checks that a volume's axes are perpendicular and near the patient's.

    Args:
        affine: (4, 4), voxel index to mm, RAS or LPS.
        name: the file or folder, for the message.

    Raises:
        InputError: non-finite or singular affine; a spacing or position beyond 100 m; sheared axes (gantry tilt);
            rotated by over 10 degrees.
    """
    affine = np.asarray(affine, dtype=float)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise InputError(
            f"{name}: the affine is not a valid voxel-to-mm matrix: {affine.tolist()}. "
            "Expected finite numbers and three independent axes. Convert the image again from its source."
        )
    if np.abs(affine).max() > FARTHEST_MM:
        raise InputError(
            f"{name}: its spacing or position has the value {np.abs(affine).max():g} mm, expected at most "
            f"{FARTHEST_MM:g}. The header is damaged: convert or export the image again."
        )
    axes = affine[:3, :3] / voxel_sizes(affine)
    shear = np.degrees(np.arcsin(np.abs(axes.T @ axes - np.eye(3)).max().clip(0, 1)))
    if shear > MAX_SHEAR_DEG:
        raise InputError(
            f"{name}: the slices are sheared by {shear:.1f} degrees (gantry tilt); expected slices stacked along their "
            "normal. Resample the series to an untilted grid first, for example with dcm2niix, and give that file."
        )
    rotation = np.degrees(np.arccos(np.abs(axes).max(axis=0).min().clip(0, 1)))
    if rotation > MAX_ROTATION_DEG:
        raise InputError(
            f"{name}: the image is oblique, {rotation:.1f} degrees off the patient's axes; at most "
            f"{MAX_ROTATION_DEG:g} are accepted. Give the axial series, or resample it to the patient's axes first."
        )
