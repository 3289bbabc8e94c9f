# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A synthetic chest CT: body, lungs, vessels, and what COVID-19 and other conditions do to the lungs."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

__all__ = ["make_chest"]

_IN_PLANE = 128  # voxels of a slice's sides
_AIR, _FAT, _MUSCLE, _BONE = -1000.0, -90.0, 45.0, 350.0
_MILD = (0.05, 0.25)  # share of the lungs with opacities; the ranges overlap, as in patients
_SEVERE = (0.2, 0.5)
_NOISE_HU = 30.0


def make_chest(rng: np.random.Generator, spacing: tuple[float, float, float], covid: bool, severe: bool) -> np.ndarray:
    """Makes a chest, int16 HU (x, y, z), growing to the patient's left, posterior and superior.

    COVID: ground-glass patches (+250 to +420 HU) in both lungs, mostly peripheral, posterior and basal, over 5 to 25 %
    of the lungs, or 20 to 50 % where severe, some of it consolidated. Negatives are not all healthy: a third each has
    clear lungs (of varied density), a dependent band along the back, or one compact consolidation. So the labels do not
    follow from the mean density, nor from the presence of any opacity; its pattern must be seen.

    Args:
        rng: source of all that is random.
        spacing: mm.
        covid: label.
        severe: label, only with ``covid``.
    """
    width, depth, height = rng.uniform(150, 180), rng.uniform(98, 120), rng.uniform(200, 270)
    shape = (_IN_PLANE, _IN_PLANE, round((height + rng.uniform(30, 80)) / spacing[2]))
    x, y, z = (
        ((np.arange(n) - (n - 1) / 2) * s).reshape([-1 if a == axis else 1 for a in range(3)])
        for axis, (n, s) in enumerate(zip(shape, spacing, strict=True))
    )
    x, y = x - rng.uniform(-12, 12), y - rng.uniform(-12, 12) + 10
    z = z - rng.uniform(-10, 10)

    hu = np.full(shape, _AIR)
    hu[(np.abs(y - depth - 28) < 10) & (np.abs(x) < 190) & (z == z)] = -880  # foam of the couch
    hu[(np.abs(y - depth - 40) < 3) & (np.abs(x) < 190) & (z == z)] = -150  # and its shell
    hu[np.broadcast_to((x / width) ** 2 + (y / depth) ** 2 < 1, shape)] = _FAT
    hu[np.broadcast_to((x / (width - 14)) ** 2 + (y / (depth - 12)) ** 2 < 1, shape)] = _MUSCLE

    dome = -height / 2 + 45 * np.exp(-((np.abs(x) / width - 0.45) ** 2) / 0.06 - (y / depth) ** 2)
    lungs = np.zeros(shape, bool)
    for side in (-1, 1):
        radii = (0.37 * width, 0.74 * depth, 0.62 * height)
        center = (side * 0.44 * width, 0.0, -0.12 * height)
        distance = sum(((g - c) / r) ** 2 for g, c, r in zip((x, y, z), center, radii, strict=True))
        ribs = (distance > 1.06) & (distance < 1.3) & (np.sin((z + 0.35 * y) * 2 * np.pi / 27) > 0.35)
        hu[ribs & (hu == _MUSCLE)] = _BONE
        lungs |= (distance < 1) & (z > dome)
    heart = ((x - 25) / 55) ** 2 + ((y + 25) / 48) ** 2 + ((z + 0.2 * height) / 62) ** 2 < 1
    lungs &= ~heart
    hu[(x / 17) ** 2 + ((y - 0.72 * depth) / 17) ** 2 + 0 * z < 1] = _BONE
    hu[((x / 9) ** 2 + ((y + 5) / 9) ** 2 < 1) & (z > 0.12 * height)] = _AIR  # trachea

    inside = ndimage.distance_transform_edt(lungs, spacing)  # mm from the lungs' surface
    lung_hu = rng.uniform(-880, -790) + 35 * y / depth + 25 * _smooth(rng, shape, spacing, 30)
    first, second = _smooth(rng, shape, spacing, 9), _smooth(rng, shape, spacing, 9)
    lung_hu = lung_hu + 750 * np.exp(-(first**2 + second**2) / 0.06) * (inside > 4)  # vessels: lines where both are 0
    if covid:
        lung_hu = _covid(rng, lung_hu, lungs, inside, y / depth, z / height, spacing, severe)
    else:
        lung_hu = _other(rng, lung_hu, lungs, inside, (x, y, z), depth, spacing)
    hu = np.where(lungs, lung_hu, hu)
    hu = ndimage.gaussian_filter(hu, 0.5) + rng.normal(0, _NOISE_HU, shape)
    return np.asarray(np.clip(np.rint(hu), -1024, 3071).astype(np.int16))


def _smooth(rng: np.random.Generator, shape: tuple[int, ...], spacing: tuple[float, ...], mm: float) -> np.ndarray:
    """A random field of mean 0 and standard deviation 1 that varies over so many mm."""
    field = ndimage.gaussian_filter(rng.normal(size=shape), [mm / s for s in spacing])
    return np.asarray((field - field.mean()) / field.std())


def _covid(
    rng: np.random.Generator,
    lung_hu: np.ndarray,
    lungs: np.ndarray,
    inside: np.ndarray,
    posterior: np.ndarray,
    superior: np.ndarray,
    spacing: tuple[float, float, float],
    severe: bool,
) -> np.ndarray:
    extent = rng.uniform(*(_SEVERE if severe else _MILD))
    consolidated = rng.uniform(0.2, 0.5) if severe else rng.uniform(0.0, 0.2)  # share of the extent
    score = _smooth(rng, lungs.shape, spacing, rng.uniform(7, 13))
    score = score + 1.3 * np.exp(-inside / 14) + 0.6 * posterior - 0.8 * superior
    ground_glass = score > np.quantile(score[lungs], 1 - extent)
    dense = score > np.quantile(score[lungs], 1 - extent * consolidated) if consolidated else np.zeros_like(lungs)
    texture = 40 * _smooth(rng, lungs.shape, spacing, 5)
    result = np.where(ground_glass, lung_hu + rng.uniform(250, 420) + texture, lung_hu)
    return np.minimum(np.where(dense, rng.uniform(-120, 20) + texture, result), 60)


def _other(
    rng: np.random.Generator,
    lung_hu: np.ndarray,
    lungs: np.ndarray,
    inside: np.ndarray,
    axes: tuple[np.ndarray, np.ndarray, np.ndarray],
    depth: float,
    spacing: tuple[float, float, float],
) -> np.ndarray:
    kind = rng.integers(3)
    if kind == 0:
        return lung_hu + rng.uniform(-30, 90)  # emphysema to shallow breath
    texture = 40 * _smooth(rng, lungs.shape, spacing, 5)
    x, y, z = axes
    if kind == 1:  # dependent band: smooth, along the back
        band = (inside < rng.uniform(9, 18)) & (y > 0.35 * depth)
        return np.where(band, lung_hu + rng.uniform(200, 380) + texture, lung_hu)
    voxels = np.argwhere(lungs & (inside > 20))
    i, j, k = voxels[rng.integers(len(voxels))]
    radius = rng.uniform(25, 48)
    distance = np.sqrt((x - x[i, 0, 0]) ** 2 + (y - y[0, j, 0]) ** 2 + (z - z[0, 0, k]) ** 2)
    blob = distance + 6 * _smooth(rng, lungs.shape, spacing, 8) < radius
    return np.where(blob, rng.uniform(-150, 20) + texture, lung_hu)
