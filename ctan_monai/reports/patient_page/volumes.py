# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A patient's volumes, turned to the patient's axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

__all__ = ["PageVolumes", "page_volumes"]

_LPS = axcodes2ornt("LPS")


@dataclass(frozen=True)
class PageVolumes:
    """What a page shows; arrays (x, y, z), x growing to the patient's left, y to posterior, z to superior.

    Attributes:
        ct: HU.
        body: bool.
        spacing: voxel size in mm along each axis.
        organs: bool voxels of the organs that were found, by name.
        targets: by name the prescribed Gy and the voxels (bool).
        dose: Gy; None where none was predicted.
    """

    ct: np.ndarray
    body: np.ndarray
    spacing: tuple[float, float, float]
    organs: dict[str, np.ndarray] = field(default_factory=dict)
    targets: dict[str, tuple[float, np.ndarray]] = field(default_factory=dict)
    dose: np.ndarray | None = None


def page_volumes(
    ct: np.ndarray,
    body: np.ndarray,
    affine: np.ndarray,
    labels: np.ndarray | None,
    label_names: Mapping[str, int],
    targets: Mapping[str, tuple[float, np.ndarray]],
    dose: np.ndarray | None,
) -> PageVolumes:
    """Turn volumes of any orientation.

    Args:
        ct: HU, (i, j, k) on the CT's own grid, as all arrays.
        body: bool.
        affine: (4, 4), index of that grid to RAS mm.
        labels: label map; None where no organ was predicted.
        label_names: organ to label.
        targets: by name the prescribed Gy and the voxels (bool).
        dose: Gy; None where none was predicted.
    """
    order = ornt_transform(io_orientation(affine), _LPS)

    def turned(array: np.ndarray) -> np.ndarray:
        return np.asarray(apply_orientation(array, order))

    spacing = voxel_sizes(affine @ inv_ornt_aff(order, ct.shape))
    organs = {} if labels is None else {name: labels == label for name, label in label_names.items()}
    return PageVolumes(
        ct=turned(ct),
        body=turned(body),
        spacing=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
        organs={name: turned(mask) for name, mask in organs.items() if mask.any()},
        targets={name: (gray, turned(mask)) for name, (gray, mask) in targets.items() if mask.any()},
        dose=None if dose is None else turned(dose),
    )
