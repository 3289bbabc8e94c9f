# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Trivial baselines for lesions: no learning but counting, and no look at the image but its brightness.

A network is worth its name only if it clearly beats these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

__all__ = ["MajorityClass", "center_mask"]


class MajorityClass:
    """Each image gets the training images' frequencies as its probabilities: always the most frequent diagnosis.

    Args:
        diagnoses: classes of the training images.
        count: of classes.

    Raises:
        ValueError: if there is no training image.
    """

    def __init__(self, diagnoses: Sequence[int], count: int) -> None:
        if not diagnoses:
            raise ValueError("There is no training image to count; check the data list's section 'training'.")
        found = Counter(diagnoses)
        self.probabilities = [found[index] / len(diagnoses) for index in range(count)]


def center_mask(image: np.ndarray) -> np.ndarray:
    """The dark region at the center of an image: a threshold and the component nearest to the middle.

    Otsu's threshold of the brightness is taken within the largest ellipse that the image holds (corners are often
    black), after a median filter against hairs. Of the dark components, that of the pixel nearest to the center stays,
    with its holes filled. Specks below 0.5 % of the image do not count.

    Args:
        image: uint8 (H, W, 3), without padding.

    Returns:
        bool (H, W); empty where nothing is darker than the rest.
    """
    gray = ndimage.median_filter(image.astype(np.float32).mean(axis=2), size=5)
    height, width = gray.shape
    y, x = (np.linspace(-1, 1, n) for n in (height, width))
    distance = np.hypot(y[:, None], x[None])
    inside = distance < 1
    if np.ptp(gray[inside]) == 0:
        return np.zeros(gray.shape, bool)
    values = sitk.GetImageFromArray(gray[inside][None])
    threshold = sitk.OtsuThresholdImageFilter()
    threshold.Execute(values)
    labels, _ = ndimage.label((gray <= threshold.GetThreshold()) & inside)
    large = np.bincount(labels.ravel()) >= 0.005 * gray.size
    large[0] = False
    candidates = large[labels]
    if not candidates.any():
        return np.zeros(gray.shape, bool)
    nearest = np.argmin(np.where(candidates, distance, np.inf))
    return np.asarray(ndimage.binary_fill_holes(labels == labels.ravel()[nearest]))
