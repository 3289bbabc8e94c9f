# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A chest CT as the STOIC networks see it: the lungs, cropped, resampled and windowed. Training data and inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from ctan_monai.utils.errors import InputError

from .lungs import Lungs, find_lungs
from .metaimage import image_affine

__all__ = ["LungVolume", "lung_volume"]

LEVELS = 255  # of uint8: 5.5 HU a step over a window of 1,400 HU, an error of at most 2.7 HU, far below a CT's noise
COARSE_MM = 3.0  # at which the lungs are looked for
AIR_HU = -1024
MARGIN_VOXELS = 2  # around the crop, for interpolation
HIGHEST_AIR_HU = -500  # a chest CT has voxels below
NO_LUNGS = (
    "No lungs were found: the body is taken instead, and the probabilities mean little. The scan probably shows "
    "another part of the body. Use none of its results."
)


@dataclass(frozen=True)
class LungVolume:
    """The cropped volume.

    Attributes:
        values: uint8 (X, Y, Z), growing to the patient's left, posterior and superior; 0 and 255 are the window's ends.
        affine: (4, 4) index to RAS mm.
        found: what the crop is about: "lungs", "cut lungs" or "body", see :py:func:`find_lungs`.
        warnings: what a reader of the prediction should know; empty if all is well.
        unusable_because: the warning after which none of the prediction may be used; empty if there is none.
    """

    values: np.ndarray
    affine: np.ndarray
    found: str
    warnings: tuple[str, ...]
    unusable_because: str = ""


def lung_volume(
    image: sitk.Image, size: Sequence[int], spacing: Sequence[float], window: Sequence[float], name: str
) -> LungVolume:
    """Finds the lungs, crops about them, averages and resamples, and stores the window's range in 8 bits.

    In plane, the field has a fixed size about the center of the lungs' box, moved to stay inside the image where it
    can. So structures keep their scale, and lungs that are found in part shift the field a little.
    Along z, it runs over the slices with lungs. Voxels are averaged in blocks before the linear resampling, so that
    noise and structures below the new voxel size do not alias.

    Memory stays near that of the volume itself: one turned copy if the axes are not L, P, S, and small arrays.

    Args:
        image: CT in HU, axial within 10 degrees, any axis order and direction.
        size: voxels of the field along x and y.
        spacing: of the result along x, y and z in mm.
        window: HU (low, high).
        name: file, for messages.

    Raises:
        InputError: no voxel is as low as air: not HU, or no chest.
    """
    image = sitk.DICOMOrient(image, "LPS")
    coarse = _average(image, [COARSE_MM] * 3)
    array = _array(coarse)
    lowest = float(array.min())
    if not lowest <= HIGHEST_AIR_HU:  # also where it is NaN
        raise InputError(
            f"{name}: the values go from {lowest:g} to {float(array.max()):g}; expected HU with air near -1000 in "
            "them. A label map, values stored with an offset of 1024, or a field of view without lungs: give the CT "
            "in HU."
        )
    lungs = find_lungs(array, float(np.prod(coarse.GetSpacing())) / 1000)
    target = _target_grid(image, coarse, lungs.box, size, spacing)
    values = _resample(image, target)
    low, high = window
    scaled = (np.clip(values, low, high) - low) * (LEVELS / (high - low))
    because = NO_LUNGS if lungs.found == "body" else ""
    return LungVolume(np.rint(scaled).astype(np.uint8), image_affine(target), lungs.found, _warnings(lungs), because)


def _warnings(lungs: Lungs) -> tuple[str, ...]:
    warnings = []
    if lungs.found == "body":
        warnings.append(NO_LUNGS)
    if lungs.found == "cut lungs":
        warnings.append("The field of view cuts the lungs off at the sides.")
    if lungs.cut:
        ends = {"first": "lower", "last": "upper"}
        warnings.append(f"The image ends within the lungs, at its {' and '.join(ends[e] for e in lungs.cut)} end.")
    return tuple(warnings)


def _array(image: sitk.Image) -> np.ndarray:
    """A view of the voxels, (x, y, z)."""
    return sitk.GetArrayViewFromImage(image).transpose(2, 1, 0)


def _average(image: sitk.Image, spacing: Sequence[float]) -> sitk.Image:
    """Means over blocks of voxels, as many as come nearest to a spacing in mm."""
    factors = [
        max(1, min(round(new / old), count))
        for new, old, count in zip(spacing, image.GetSpacing(), image.GetSize(), strict=True)
    ]
    return sitk.BinShrink(image, factors) if max(factors) > 1 else image


def _target_grid(
    image: sitk.Image, coarse: sitk.Image, box: Any, size: Sequence[int], spacing: Sequence[float]
) -> sitk.Image:
    """An empty image on the result's grid, with the directions of the CT."""
    # In mm along the image's own axes, from the outer corner of its first voxel; the coarse grid starts there too.
    extent = np.asarray(image.GetSize()) * image.GetSpacing()
    edges = np.asarray(box, float) * np.asarray(coarse.GetSpacing())[:, None]
    field = np.asarray([size[0] * spacing[0], size[1] * spacing[1], 0.0])
    start = edges.mean(axis=1) - field / 2
    fits = extent >= field
    start = np.where(fits, np.clip(start, 0, np.maximum(extent - field, 0)), (extent - field) / 2)
    slices = max(round((edges[2, 1] - edges[2, 0]) / spacing[2]), 1)
    start[2] = edges[2].mean() - slices * spacing[2] / 2
    first = (start + np.asarray(spacing) / 2) / image.GetSpacing() - 0.5  # index of the first voxel's center
    grid = sitk.Image([int(size[0]), int(size[1]), slices], sitk.sitkUInt8)
    grid.SetOrigin(image.TransformContinuousIndexToPhysicalPoint(first.tolist()))
    grid.SetSpacing([float(s) for s in spacing])
    grid.SetDirection(image.GetDirection())
    return grid


def _resample(image: sitk.Image, target: sitk.Image) -> np.ndarray:
    """HU on the target's grid, (x, y, z); air outside the image."""
    old, new = np.asarray(image.GetSpacing()), np.asarray(target.GetSpacing())
    count = np.asarray(target.GetSize())
    shape = np.asarray(image.GetSize())
    start = np.asarray(image.TransformPhysicalPointToContinuousIndex(target.GetOrigin()))
    low = np.clip(np.floor(start - new / old / 2) - MARGIN_VOXELS, 0, shape - 1).astype(int)
    high = np.clip(np.ceil(start + (count - 0.5) * new / old) + MARGIN_VOXELS, low + 1, shape).astype(int)
    part = sitk.RegionOfInterest(image, (high - low).tolist(), low.tolist())
    # the border is repeated, for block averages have lost a part of it, and the outside made air afterwards
    interpolated = sitk.Resample(
        _average(part, new.tolist()),
        target,
        sitk.Transform(),
        sitk.sitkLinear,
        float(AIR_HU),
        sitk.sitkFloat32,
        True,
    )
    values = sitk.GetArrayFromImage(interpolated).transpose(2, 1, 0)
    for axis in range(3):
        index = start[axis] + np.arange(count[axis]) * new[axis] / old[axis]
        outside = (index < -0.5) | (index > shape[axis] - 0.5)
        values[tuple(outside if a == axis else slice(None) for a in range(3))] = AIR_HU
    return values
