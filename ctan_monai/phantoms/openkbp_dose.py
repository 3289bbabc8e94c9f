# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A simple beam model: coplanar beams shaped to the targets, attenuated in the body, normalized to the prescription."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .openkbp_anatomy import Anatomy

__all__ = ["make_dose"]

_PRESCRIPTIONS = {"PTV56": 56.0, "PTV63": 63.0, "PTV70": 70.0}  # Gy
_BEAMS = 9
_ATTENUATION = 0.0045  # 1/mm: 6 MV photons in water
_PENUMBRA = 6.0  # mm
_CORD_TRANSMISSION = 0.6  # share of a beamlet kept where it meets the spinal cord
_REACH = 14.0  # mm above and below the targets that the beams can reach
_BIN = 2.0  # mm, width of a beamlet


def make_dose(anatomy: Anatomy, spacing: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Dose and where it can be.

    Args:
        anatomy: the patient.
        spacing: voxel sizes along (x, y, z) in mm.

    Returns:
        dose float32 in Gy and the possible-dose mask, both shaped as the anatomy's arrays.
    """
    x, y, _ = (c.astype(np.float32) for c in anatomy.coordinates)
    prescription = np.zeros(anatomy.body.shape, np.float32)
    for name, gray in _PRESCRIPTIONS.items():
        if name in anatomy.structures:
            prescription[anatomy.structures[name]] = gray
    target = np.argwhere(prescription > 0)
    cord = np.argwhere(anatomy.structures["SpinalCord"])
    half_width, half_depth, center_x, center_y = anatomy.skin.astype(np.float32)
    # Position on the unit circle that the skin's ellipse of each slice becomes.
    px, py = (x - center_x) / half_width, (y - center_y) / half_depth
    inside = 1 - px**2 - py**2

    dose = np.zeros(anatomy.body.shape, np.float32)
    for angle in np.arange(_BEAMS) * 2 * np.pi / _BEAMS:
        beam_x, beam_y = float(np.sin(angle)), float(np.cos(angle))  # the direction in which the beam travels
        lateral = (x * beam_y - y * beam_x)[:, :, 0]
        beamlet = np.rint((lateral - lateral.min()) / _BIN).astype(np.intp)
        fluence = np.zeros((beamlet.max() + 1, anatomy.body.shape[2]), np.float32)
        np.maximum.at(fluence, (beamlet[target[:, 0], target[:, 1]], target[:, 2]), prescription[tuple(target.T)])
        shadow = np.zeros(fluence.shape, bool)
        shadow[beamlet[cord[:, 0], cord[:, 1]], cord[:, 2]] = True
        fluence[shadow] *= _CORD_TRANSMISSION
        fluence = ndimage.gaussian_filter(fluence, (_PENUMBRA / _BIN, _PENUMBRA / spacing[2]))
        # Depth: way back along the beam to the skin, |p - t d| = 1 on the unit circle.
        dx, dy = beam_x / half_width, beam_y / half_depth
        length2 = dx**2 + dy**2
        along = px * dx + py * dy
        depth = (along + np.sqrt(np.maximum(along**2 + inside * length2, 0))) / length2
        dose += fluence[beamlet] * np.exp(-_ATTENUATION * depth)

    possible = anatomy.body & _reachable(prescription, spacing[2])
    dose *= 70.0 / np.median(dose[anatomy.structures["PTV70"]])
    # Plans are optimized until targets have what is prescribed: blend it in over a soft edge.
    sigma = [4.0 / size for size in spacing]
    weight = ndimage.gaussian_filter((prescription > 0).astype(np.float32), sigma)
    wanted = ndimage.gaussian_filter(prescription, sigma) / np.maximum(weight, 1e-3)
    weight = np.clip(1.6 * weight - 0.2, 0, 0.95)
    dose = weight * wanted * 1.02 + (1 - weight) * dose
    return np.where(possible, np.clip(dose, 0.1, 78.0), 0).astype(np.float32), possible


def _reachable(prescription: np.ndarray, thickness: float) -> np.ndarray:
    slices = np.flatnonzero(prescription.any(axis=(0, 1)))
    reach = round(_REACH / thickness)
    reachable = np.zeros((1, 1, prescription.shape[2]), bool)
    reachable[..., max(slices[0] - reach, 0) : slices[-1] + reach + 1] = True
    return reachable
