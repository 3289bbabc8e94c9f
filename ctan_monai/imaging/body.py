# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Where the patient is in a CT."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

__all__ = ["body_mask"]


def body_mask(ct_hu: np.ndarray, threshold: float = -300.0) -> np.ndarray:
    """Voxels of the body: the largest 3-D component (6-connected) above ``threshold``, holes filled slice by slice.

    A couch or mask that touches the skin counts as body.

    Args:
        ct_hu: CT in HU, shape (x, y, z) with axial slices ``[..., z]``.
        threshold: HU above which a voxel is not air.

    Returns:
        bool array of the same shape; all False where nothing is above the threshold.
    """
    components, count = ndimage.label(ct_hu > threshold)
    if not count:
        return np.zeros(ct_hu.shape, bool)
    sizes = np.bincount(components.reshape(-1))
    sizes[0] = 0
    body = components == sizes.argmax()
    # A hole is a background component within its slice that does not reach the slice's border. All slices in one
    # call: components may not cross slices, and a rim of background joins all that reaches the border.
    in_plane = np.zeros((3, 3, 3), bool)
    in_plane[:, 1, 1] = in_plane[1, :, 1] = True
    rimmed = np.pad(~body, ((1, 1), (1, 1), (0, 0)), constant_values=True)
    background, _ = ndimage.label(rimmed, structure=in_plane)
    return np.asarray((background != background[:1, :1])[1:-1, 1:-1])
