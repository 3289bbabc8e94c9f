# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Organs and targets of the head-and-neck phantom; later ones are drawn over earlier ones."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas

__all__ = ["FAT", "MUSCLE", "add_face_and_airway", "add_glands", "add_spine_and_skull", "add_targets"]

# Typical HU. Parotids and targets differ from muscle enough to be learned from CT, over noise of 12 HU.
AIR, FAT, GLAND, CSF, CORD, BRAIN, MUSCLE, TUMOUR, VESSEL, BONE = -950, -95, -10, 5, 28, 34, 52, 105, 150, 700
SKULL_BASE = 96.0  # height where spinal cord turns into brain stem


def add_glands(
    rng: np.random.Generator, canvas: Canvas, ct: np.ndarray, structures: dict[str, np.ndarray], inner: np.ndarray
) -> None:
    hu = GLAND + rng.normal(0, 6)
    for name, side in (("RightParotid", -1), ("LeftParotid", 1)):
        center = (side * rng.uniform(52, 56), rng.uniform(4, 14), rng.uniform(82, 88))
        radii = (rng.uniform(11, 15), rng.uniform(16, 22), rng.uniform(16, 22))
        structures[name] = canvas.ellipsoid(center, radii) & inner
        ct[structures[name]] = hu


def add_targets(
    rng: np.random.Generator, canvas: Canvas, ct: np.ndarray, structures: dict[str, np.ndarray], inner: np.ndarray
) -> None:
    """Tumour and node of one side (PTV70), at times a high-risk level (PTV63), and elective neck (PTV56)."""
    side = rng.choice([-1, 1])
    bilateral, high_risk = rng.random() < 0.6, rng.random() < 0.5
    margin = rng.uniform(5, 8)
    tumour = ((side * rng.uniform(12, 24), rng.uniform(-24, -12), rng.uniform(58, 80)), rng.uniform(11, 17, 3))
    node = ((side * rng.uniform(34, 40), rng.uniform(4, 14), rng.uniform(46, 62)), rng.uniform(8, 12, 3))
    chain_top = rng.uniform(74, 86)
    for chain in (side, -side) if bilateral else (side,):
        tube = canvas.tube((chain * 37, 8), (14, 19), (28, chain_top)) & inner
        structures["PTV56"] = structures.get("PTV56", False) | tube
        ct[tube] = GLAND + 25
    if high_risk:
        span = (node[0][2] - 26, node[0][2] + 24)
        structures["PTV63"] = canvas.tube((side * 36, 6), (19, 24), span) & inner
        ct[structures["PTV63"]] = MUSCLE + 22
    for vessel in (-1, 1):
        ct[canvas.tube((vessel * 35, 4), (5, 5), (20, 90))] = VESSEL
    structures["PTV70"] = np.zeros(inner.shape, bool)
    for center, radii in (tumour, node):
        structures["PTV70"] |= canvas.ellipsoid(center, radii + margin) & inner
        ct[canvas.ellipsoid(center, radii) & inner] = TUMOUR
    if high_risk:
        structures["PTV63"] &= ~structures["PTV70"]
        structures["PTV56"] &= ~structures["PTV63"]
    structures["PTV56"] &= ~structures["PTV70"]


def add_spine_and_skull(
    rng: np.random.Generator, canvas: Canvas, ct: np.ndarray, structures: dict[str, np.ndarray], body: np.ndarray
) -> None:
    tilt, back = rng.uniform(-0.06, 0.02), rng.uniform(32, 38)
    base = SKULL_BASE + rng.uniform(-3, 3)
    # Skull: a shell around the brain, closed below.
    brain = canvas.tube((0, 18), (58, 64), (base + 6, 999))
    shell = canvas.tube((0, 18), (65, 71), (base, 999)) & body
    ct[shell] = BONE + 200
    ct[brain & body] = BRAIN
    # Vertebrae with discs between them; the canal holds the cord in fluid and opens into the skull.
    spine = canvas.tube((0, back - 20), (15, 11), (0, base), tilt)
    disc = np.broadcast_to((canvas.z % 17) < 4, spine.shape)
    ct[spine] = BONE - 350
    ct[spine & disc] = MUSCLE + 40
    ct[canvas.tube((0, back), (17, 15), (0, base), tilt) & ~disc] = BONE - 250
    ct[canvas.tube((0, back), (10, 9), (0, base + 7), tilt)] = CSF
    cord = rng.uniform(5.5, 7.0)
    structures["SpinalCord"] = canvas.tube((0, back), (cord, cord - 0.5), (0, base), tilt)
    ct[structures["SpinalCord"]] = CORD
    # Brain stem: leans forward and widens upwards, in fluid.
    stem_back, length = back + tilt * base, rng.uniform(32, 40)
    rise = np.clip((canvas.z - base) / length, 0, 1)
    radii = (8 + 7 * rise) * rng.uniform(0.92, 1.1)
    distance = np.sqrt(canvas.x**2 + (canvas.y - stem_back + 12 * rise) ** 2) - radii
    span = (canvas.z >= base) & (canvas.z < base + length)
    structures["Brainstem"] = (distance < 0) & span
    ct[(distance < 5) & span] = CSF
    ct[structures["Brainstem"]] = BRAIN + 12


def add_face_and_airway(
    rng: np.random.Generator, canvas: Canvas, ct: np.ndarray, structures: dict[str, np.ndarray], inner: np.ndarray
) -> None:
    # Mandible: a horseshoe with two rami behind it.
    outer, thick = rng.uniform(46, 52), rng.uniform(8, 11)
    low = rng.uniform(60, 64)
    arch = canvas.tube((0, -18), (outer, outer + 6), (low, low + 18))
    arch &= ~canvas.tube((0, -18), (outer - thick, outer + 6 - thick), (low, low + 18)) & (canvas.y < -14)
    rami = canvas.tube((outer - 4, -12), (5, 11), (low + 6, 98)) | canvas.tube((4 - outer, -12), (5, 11), (low + 6, 98))
    structures["Mandible"] = (arch | rami) & inner & ~structures["PTV70"]
    ct[structures["Mandible"]] = BONE + 250
    # Larynx: a shell of cartilage around the airway; the airway runs on into the throat and the nose.
    bottom = rng.uniform(30, 34)
    structures["Larynx"] = canvas.tube((0, -22), (18, 20), (bottom, bottom + 24)) & inner
    ct[structures["Larynx"]] = MUSCLE + 130
    ct[canvas.tube((0, -22), (15, 17), (bottom, bottom + 24)) & inner] = MUSCLE
    ct[canvas.tube((0, -16), (rng.uniform(7, 9), rng.uniform(6, 8)), (0, 90))] = AIR
    ct[canvas.ellipsoid((0, -58, 106), (14, 24, 18)) & inner] = AIR
    structures["Esophagus"] = canvas.tube((0, 0), (8, 6), (0, bottom)) & inner
    ct[structures["Esophagus"]] = CORD
    ct[canvas.tube((1, 0), (2.5, 2.5), (0, bottom))] = -200
