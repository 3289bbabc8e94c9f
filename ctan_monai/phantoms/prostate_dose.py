# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A simple dose that follows from a pelvic phantom's anatomy."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .prostate_anatomy import Pelvis

__all__ = ["PRESCRIPTION", "make_pelvis_dose"]

PRESCRIPTION = 70.0  # Gy to the CTV
_FALL, _TAIL = 14.0, 70.0  # mm over which the steep and the shallow part of the dose fall to 1/e
_LATERAL = 1.3  # beams come from the sides rather than through rectum and bladder
_RECTUM_SPARING = 0.8  # share of the dose kept in the rectum beyond the target


def make_pelvis_dose(pelvis: Pelvis, spacing: tuple[float, float, float]) -> np.ndarray:
    """Dose in Gy, float32 (x, y, z): the prescription in the target, falling with the distance from it in the body.

    Args:
        pelvis: the patient.
        spacing: voxel sizes along (x, y, z) in mm.
    """
    # along x the distance counts less, along z there is no beam
    sampling = (spacing[0] / _LATERAL, spacing[1], spacing[2] * 1.6)
    distance = ndimage.distance_transform_edt(~pelvis.target, sampling=sampling)
    share = np.where(distance > 0, 0.62 * np.exp(-distance / _FALL) + 0.38 * np.exp(-distance / _TAIL), 1.0)
    share[pelvis.structures["rectum"] & ~pelvis.target] *= _RECTUM_SPARING
    share = ndimage.gaussian_filter(share, [4.0 / size for size in spacing])
    share[~pelvis.body] = 0
    return np.asarray((PRESCRIPTION / np.median(share[pelvis.structures["ctv"]]) * share).astype(np.float32))
