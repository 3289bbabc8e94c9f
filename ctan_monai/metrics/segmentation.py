# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Overlap and surface distance of organs, per patient, in 3D and in mm."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from monai.metrics import compute_dice, compute_hausdorff_distance
from scipy import ndimage

from .checks import check_same_shape

__all__ = ["organ_dice", "organ_hd95", "segmentation_metrics"]


def _crop_to_both(reference: np.ndarray, prediction: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """The two masks within the bounding box of their union, as (1, 1, ...) tensors.

    Both metrics look at the masks' voxels only and take what is beyond the box as background, so cropping changes
    nothing but the time.
    """
    either = reference | prediction
    (crop,) = ndimage.find_objects(either.astype(np.int8))
    return (torch.from_numpy(reference[crop].copy())[None, None], torch.from_numpy(prediction[crop].copy())[None, None])


def organ_dice(reference: np.ndarray, prediction: np.ndarray) -> float | None:
    """Dice of one organ in %, by :func:`monai.metrics.compute_dice`.

    Args:
        reference: bool mask, any spatial shape.
        prediction: bool mask, same shape.

    Returns:
        Dice in %, 0 for a missed organ (no predicted voxel); None where the reference lacks the organ.
    """
    check_same_shape(reference, "reference mask", prediction=prediction)
    if not reference.any():
        return None
    true, predicted = _crop_to_both(reference, prediction)
    return 100.0 * float(compute_dice(predicted, true, num_classes=1, include_background=True)[0, 0])


def organ_hd95(reference: np.ndarray, prediction: np.ndarray, spacing: Sequence[float]) -> float | None:
    """95th percentile Hausdorff distance of one organ in mm, by :func:`monai.metrics.compute_hausdorff_distance`.

    Args:
        reference: bool mask, any spatial shape.
        prediction: bool mask, same shape.
        spacing: voxel size in mm along each axis.

    Returns:
        The larger of the two directed distances in mm; None where reference or prediction has no voxel.
    """
    check_same_shape(reference, "reference mask", prediction=prediction)
    if not reference.any() or not prediction.any():
        return None
    true, predicted = _crop_to_both(reference, prediction)
    with warnings.catch_warnings():
        # MONAI 1.6 warns of an argument that its own function gives
        warnings.filterwarnings("ignore", message=".*always_return_as_numpy", category=FutureWarning)
        distance = compute_hausdorff_distance(
            predicted, true, include_background=True, percentile=95, spacing=[float(size) for size in spacing]
        )
    return float(distance[0, 0])


def segmentation_metrics(
    reference: np.ndarray, prediction: np.ndarray, labels: Mapping[str, int], spacing: Sequence[float]
) -> dict[str, float | None]:
    """Dice and HD95 of each organ of two label maps.

    An organ that the reference lacks gives None and does not count. A missed organ (in the reference, no voxel
    predicted) has Dice 0 and HD95 None: a distance would have to be made up.

    Args:
        reference: integer label map, (X, Y, Z).
        prediction: integer label map, (X, Y, Z).
        labels: label value by organ.
        spacing: voxel size in mm along each axis.

    Returns:
        `dice_<organ>` in %, `hd95_<organ>` in mm, and `dice`, the mean over the patient's organs in %.
    """
    check_same_shape(reference, "reference label map", prediction=prediction)
    metrics: dict[str, float | None] = {}
    for organ, label in labels.items():
        true, predicted = reference == label, prediction == label
        metrics[f"dice_{organ}"] = organ_dice(true, predicted)
        metrics[f"hd95_{organ}"] = organ_hd95(true, predicted, spacing)
    found = [value for organ in labels if (value := metrics[f"dice_{organ}"]) is not None]
    metrics["dice"] = float(np.mean(found)) if found else None
    return metrics
