# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Mean absolute dose error over named sets of voxels."""

from __future__ import annotations

import numpy as np

from .checks import check_same_shape

__all__ = ["VOXEL_SETS", "dose_mae", "dose_mae_sets"]

#: The sets of voxels a dose error is given over, from the widest to the narrowest.
VOXEL_SETS = ("whole_volume", "body_slices", "body", "possible_dose_mask")


def dose_mae(reference: np.ndarray, prediction: np.ndarray, mask: np.ndarray | None = None) -> float | None:
    """Mean absolute difference of two dose distributions.

    Args:
        reference: dose in Gy, any shape.
        prediction: dose in Gy, same shape.
        mask: voxels to average over, same shape; all voxels if None.

    Returns:
        The error in Gy, or None where `mask` holds no voxel.
    """
    check_same_shape(reference, "reference dose", prediction=prediction, mask=mask)
    # float64: a float32 sum over two million voxels loses digits
    error = np.abs(np.asarray(reference, dtype=np.float64) - np.asarray(prediction, dtype=np.float64))
    if mask is not None:
        error = error[np.asarray(mask, dtype=bool)]
    return float(error.mean()) if error.size else None


def dose_mae_sets(
    reference: np.ndarray,
    prediction: np.ndarray,
    body: np.ndarray | None = None,
    possible_dose_mask: np.ndarray | None = None,
) -> dict[str, float | None]:
    """Dose error over each set of :data:`VOXEL_SETS`.

    The paper gives "mean absolute error (Gy) between ground truth and predicted dose distribution maps" (section 2.3)
    and does not say over which voxels; most of a volume is air without dose, so the choice moves the figure twentyfold.

    Args:
        reference: dose in Gy, (X, Y, Z).
        prediction: dose in Gy, (X, Y, Z).
        body: voxels inside the patient, (X, Y, Z); gives `body` and `body_slices`, the axial slices (last axis) with
            at least one voxel of body.
        possible_dose_mask: voxels that can receive dose (OpenKBP's), (X, Y, Z).

    Returns:
        Error in Gy by set; None where the set is not given or empty.
    """
    check_same_shape(
        reference, "reference dose", prediction=prediction, body=body, possible_dose_mask=possible_dose_mask
    )
    masks: dict[str, np.ndarray | None] = {"body": body, "possible_dose_mask": possible_dose_mask}
    errors: dict[str, float | None] = {"whole_volume": dose_mae(reference, prediction), "body_slices": None}
    if body is not None:
        slices = np.asarray(body, dtype=bool).any(axis=(0, 1))
        errors["body_slices"] = dose_mae(reference[..., slices], prediction[..., slices])
    for name, mask in masks.items():
        errors[name] = None if mask is None else dose_mae(reference, prediction, mask)
    return errors
