# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""CT and structures of a pelvic phantom, built from ellipses; later ones are drawn over earlier ones.

Axes in mm: x to the patient's left, y posterior, z superior, with z = 0 at the lowest slice, below the prostate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .canvas import Canvas

__all__ = ["Pelvis", "make_pelvis"]

HEIGHT = 84.0  # mm of the scan
# Typical HU. The prostate differs from the muscle around it by more than the noise, so that it can be learned.
AIR, FAT, URINE, RECTUM, MUSCLE, PROSTATE, SPONGY, COMPACT = -950, -95, 8, 30, 58, 92, 330, 800
NOISE = 12.0  # HU


@dataclass
class Pelvis:
    """A phantom patient.

    Attributes:
        ct: float32 HU, (x, y, z).
        body: bool.
        structures: bool masks by label.
        target: bool, CTV with a margin: what is irradiated.
    """

    ct: np.ndarray
    body: np.ndarray
    structures: dict[str, np.ndarray]
    target: np.ndarray


def make_pelvis(rng: np.random.Generator, spacing: tuple[float, float, float], size: int) -> Pelvis:
    """Draws one patient.

    Args:
        rng: source of everything that differs between patients.
        spacing: voxel sizes along (x, y, z) in mm.
        size: voxels along x and y.
    """
    scale, shift = rng.uniform(0.92, 1.08), rng.uniform(-8, 8, 2)
    x, y = (
        ((np.arange(size, dtype=np.float32) - (size - 1) / 2) * s - d) / scale
        for s, d in zip(spacing[:2], shift, strict=True)
    )
    z = np.arange(round(HEIGHT / spacing[2]), dtype=np.float32) * spacing[2]
    canvas = Canvas(x[:, None, None], y[None, :, None], z[None, None, :])
    hips = rng.uniform(165, 180), rng.uniform(100, 112)
    everywhere = (-1.0, HEIGHT + 1)
    body = canvas.tube((0, 0), hips, everywhere)
    ct = np.full(body.shape, FAT, np.float32)
    ct[canvas.tube((0, 0), (hips[0] - 22, hips[1] - 18), everywhere)] = MUSCLE
    ct[canvas.tube((0, 2), (62, 72), everywhere)] = FAT  # the space between the hips
    structures: dict[str, np.ndarray] = {}
    _add_bones(rng, canvas, ct, structures)

    middle = np.array([0, rng.uniform(4, 10), rng.uniform(30, 36)])
    radii = np.array([rng.uniform(20, 27), rng.uniform(16, 21), rng.uniform(17, 22)])
    rectum_y = middle[1] + radii[1] + rng.uniform(11, 15)
    structures["rectum"] = canvas.tube((rng.uniform(-5, 5), rectum_y), (rng.uniform(13, 18), 15), everywhere)
    ct[structures["rectum"]] = RECTUM
    ct[canvas.tube((0, rectum_y), (rng.uniform(4, 8), 5), (rng.uniform(10, 40), HEIGHT))] = AIR
    bladder = np.array([0, middle[1] - rng.uniform(10, 16), middle[2] + radii[2] + rng.uniform(14, 20)])
    structures["bladder"] = canvas.ellipsoid(bladder, rng.uniform((28, 24, 20), (42, 32, 28)))
    structures["bladder"] &= ~structures["rectum"]
    ct[structures["bladder"]] = URINE
    structures["ctv"] = canvas.ellipsoid(middle, radii)
    ct[structures["ctv"]] = PROSTATE
    structures["rectum"] &= ~structures["ctv"]
    target = canvas.ellipsoid(middle, radii + 7)
    ct += NOISE * rng.standard_normal(ct.shape, np.float32)
    ct[~body] = -1000
    return Pelvis(ct, body, structures, target)


def _add_bones(rng: np.random.Generator, canvas: Canvas, ct: np.ndarray, structures: dict[str, np.ndarray]) -> None:
    """Femurs (a head in its socket and a shaft below it) and the pubic bones in front."""
    low, head = rng.uniform(40, 48), rng.uniform(22, 26)
    for name, side in (("left_femur", 1), ("right_femur", -1)):
        center = (side * rng.uniform(90, 98), rng.uniform(-4, 8), low + head * 0.6)
        socket = canvas.ellipsoid(center, (head + 9, head + 9, head + 9)) & (canvas.x * side < center[0] * side)
        ct[socket] = COMPACT - 250
        ct[canvas.ellipsoid(center, (head + 3, head + 3, head + 3))] = FAT
        ball = canvas.ellipsoid(center, (head, head, head))
        shaft = canvas.tube((side * 118, center[1] + 6), (17, 17), (-1, low))
        neck = canvas.ellipsoid((side * 108, center[1] + 4, low + 2), (26, 15, 14))
        structures[name] = ball | shaft | neck
        ct[structures[name]] = COMPACT
        inner = canvas.ellipsoid(center, (head - 4,) * 3) | canvas.tube(
            (side * 118, center[1] + 6), (10, 10), (-1, low)
        )
        ct[inner] = SPONGY
    for side in (1, -1):
        ct[canvas.ellipsoid((side * 32, -52, 30), (30, 10, 14))] = COMPACT - 200
