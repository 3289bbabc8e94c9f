# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.metrics import compute_dice, compute_hausdorff_distance

from ctan_monai.metrics import organ_dice, organ_hd95, segmentation_metrics

SPACING = (4.0, 3.0, 2.0)


def _box(shape, *slices):
    mask = np.zeros(shape, bool)
    mask[slices] = True
    return mask


def test_dice_by_hand():
    reference = _box((8, 8, 8), slice(0, 4), 0, 0)  # 4 voxels
    prediction = _box((8, 8, 8), slice(2, 8), 0, 0)  # 6 voxels, 2 shared
    assert organ_dice(reference, prediction) == pytest.approx(100 * 2 * 2 / 10)


@pytest.mark.parametrize(("axis", "millimetres"), [(0, 8.0), (1, 6.0), (2, 4.0)])
def test_hd95_is_in_mm_along_each_axis(axis, millimetres):
    reference = _box((10, 10, 10), 4, 4, 4)
    prediction = np.roll(reference, 2, axis=axis)
    assert organ_hd95(reference, prediction, SPACING) == pytest.approx(millimetres)


def test_hd95_is_the_larger_directed_95th_percentile():
    # a line of 21 voxels against its first voxel, 1 mm apart: distances 0 .. 20 from the line, 0 from the voxel
    reference = _box((21, 3, 3), slice(None), 1, 1)
    prediction = _box((21, 3, 3), 0, 1, 1)
    assert organ_hd95(reference, prediction, (1, 1, 1)) == pytest.approx(19.0)
    assert organ_hd95(prediction, reference, (1, 1, 1)) == pytest.approx(19.0)


def _blobs(seed, shape):
    random = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    masks = []
    for _ in range(2):
        center = random.uniform(4, 12, 3)
        masks.append(sum((a - c) ** 2 for a, c in zip(axes, center, strict=True)) < random.uniform(9, 36))
    return masks


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")  # MONAI's warning of itself
@pytest.mark.parametrize("seed", range(5))
def test_cropping_changes_nothing(seed):
    # blobs may touch the volume's border, where the edge is easily got wrong
    reference, prediction = _blobs(seed, (20, 18, 16))
    true, predicted = (torch.from_numpy(mask)[None, None] for mask in (reference, prediction))
    whole = compute_hausdorff_distance(predicted, true, include_background=True, percentile=95, spacing=list(SPACING))
    assert organ_hd95(reference, prediction, SPACING) == float(whole)
    whole_dice = compute_dice(predicted, true, include_background=True, num_classes=1)
    assert organ_dice(reference, prediction) == 100 * float(whole_dice)


def test_an_organ_that_fills_the_volume():
    full = np.ones((4, 5, 6), bool)
    assert organ_dice(full, full) == 100.0
    assert organ_hd95(full, full, SPACING) == 0.0


def test_an_organ_the_reference_lacks_does_not_count_even_if_predicted():
    empty, some = np.zeros((4, 4, 4), bool), np.ones((4, 4, 4), bool)
    assert organ_dice(empty, some) is None
    assert organ_hd95(empty, some, SPACING) is None
    assert organ_dice(empty, empty) is None


def test_a_missed_organ_has_dice_0_and_no_hd95():
    empty, some = np.zeros((4, 4, 4), bool), np.ones((4, 4, 4), bool)
    assert organ_dice(some, empty) == 0.0
    assert organ_hd95(some, empty, SPACING) is None


def test_label_maps_by_hand():
    reference, prediction = np.zeros((6, 6, 6), np.uint8), np.zeros((6, 6, 6), np.uint8)
    reference[0, 0, :2] = 1  # found in part: Dice 2 * 1 / 3
    prediction[0, 0, :1] = 1
    reference[2, 2, 2] = 2  # missed
    prediction[4, 4, 4] = 3  # made up
    labels = {"brainstem": 1, "spinal_cord": 2, "left_parotid": 3}
    metrics = segmentation_metrics(reference, prediction, labels, SPACING)
    assert metrics == pytest.approx(
        {
            "dice_brainstem": 200 / 3,
            "hd95_brainstem": 1.9,  # distances 0 and 2 mm from the reference: 95 % of the way
            "dice_spinal_cord": 0.0,
            "hd95_spinal_cord": None,
            "dice_left_parotid": None,
            "hd95_left_parotid": None,
            "dice": 100 / 3,
        }
    )


def test_label_maps_on_two_grids_are_an_error():
    with pytest.raises(ValueError, match="resample the prediction"):
        segmentation_metrics(np.zeros((4, 4, 4)), np.zeros((4, 4, 5)), {"brainstem": 1}, SPACING)
