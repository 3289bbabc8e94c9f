# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""CT and structures of a head-and-neck phantom: shoulders, neck and the lower head, built from ellipses.

World axes in mm: x to the patient's left, y posterior, z superior, with z = 0 at the body's lowest slice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .canvas import Canvas
from .openkbp_organs import FAT, MUSCLE, add_face_and_airway, add_glands, add_spine_and_skull, add_targets

__all__ = ["Anatomy", "make_anatomy"]

_NOISE = 12.0  # HU

# The skin as one ellipse a slice: height (mm), half width, half depth, center's y.
_SKIN = np.array(
    [
        (0, 185, 80, 14),
        (12, 165, 78, 14),
        (26, 85, 68, 12),
        (38, 62, 60, 10),
        (62, 61, 62, 6),
        (78, 68, 80, 0),
        (98, 75, 94, 0),
        (150, 74, 94, 0),
    ],
    float,
)
_HEIGHT = 145.0  # of the body, before a patient's own scale


@dataclass
class Anatomy:
    """A phantom patient's body, arrays of shape (x, y, z) over the slices that hold body.

    Attributes:
        ct: float32 HU.
        body: bool.
        structures: bool masks by official name; targets do not overlap.
        skin: per slice the ellipse (half width, half depth, center x, center y) in mm, shape (4, z).
        coordinates: x, y, z of the voxel centers in mm, broadcastable to the arrays.
    """

    ct: np.ndarray
    body: np.ndarray
    structures: dict[str, np.ndarray]
    skin: np.ndarray
    coordinates: tuple[np.ndarray, np.ndarray, np.ndarray]


def make_anatomy(rng: np.random.Generator, spacing: tuple[float, float, float], size: int) -> Anatomy:
    """Draws one patient.

    Args:
        rng: source of everything that differs between patients.
        spacing: voxel sizes along (x, y, z) in mm.
        size: voxels along x and y.
    """
    scale = rng.uniform(0.92, 1.08)  # in plane
    stretch = rng.uniform(0.92, 1.06)  # along z
    shift = rng.uniform(-14, 14, 2)
    lean = rng.uniform(-0.05, 0.05)
    slices = round(_HEIGHT * stretch / spacing[2])
    x = ((np.arange(size, dtype=np.float32) - (size - 1) / 2) * spacing[0])[:, None, None]
    y = ((np.arange(size, dtype=np.float32) - (size - 1) / 2) * spacing[1])[None, :, None]
    z = (np.arange(slices, dtype=np.float32) * spacing[2])[None, None, :]
    height = z / stretch
    axis_x = shift[0] + lean * (height - 70)
    canvas = Canvas((x - axis_x) / scale, (y - shift[1]) / scale, height)

    width, depth, center_y = (np.interp(height.ravel(), _SKIN[:, 0], _SKIN[:, i]) * scale for i in (1, 2, 3))
    skin = np.stack([width, depth, np.broadcast_to(axis_x.ravel(), width.shape), shift[1] + center_y])
    radius = np.sqrt(((x - skin[2]) / skin[0]) ** 2 + ((y - skin[3]) / skin[1]) ** 2)
    body = radius < 1
    inner = radius < 1 - 6 / skin[1]  # inside the fat under the skin

    ct = np.full(body.shape, FAT, np.float32)
    ct[inner] = MUSCLE
    structures: dict[str, np.ndarray] = {}
    add_targets(rng, canvas, ct, structures, inner)
    add_glands(rng, canvas, ct, structures, inner)
    add_spine_and_skull(rng, canvas, ct, structures, body)
    add_face_and_airway(rng, canvas, ct, structures, inner)
    for name in ("RightParotid", "LeftParotid"):
        structures[name] &= ~structures["Mandible"]
    for name in ("PTV56", "PTV63", "PTV70"):
        if name in structures:
            structures[name] &= ~structures["SpinalCord"] & ~structures["Brainstem"]
    ct += _NOISE * rng.standard_normal(ct.shape, np.float32)
    ct[~body] = -1024
    return Anatomy(ct, body, structures, skin, (x, y, z))
