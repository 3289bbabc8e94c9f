# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from ctan_monai.transforms import RandMirrorSidesd

KEYS = ["image", "segmentation"]


def item() -> dict:
    image = torch.arange(6.0).reshape(1, 3, 2)
    segmentation = torch.tensor([[[3.0, 0.0], [1.0, 2.0], [0.0, 4.0]]])
    return {"image": image, "segmentation": segmentation, "segmentation_present": [1, 1, 1, 0]}


def test_the_sides_and_their_labels_are_exchanged() -> None:
    before = item()
    mirrored = RandMirrorSidesd(KEYS, "segmentation", [[3, 4]], prob=1.0)(before)
    assert mirrored["image"].tolist() == [[[4.0, 5.0], [2.0, 3.0], [0.0, 1.0]]]
    assert mirrored["segmentation"].tolist() == [[[0.0, 3.0], [1.0, 2.0], [4.0, 0.0]]]
    assert mirrored["segmentation_present"] == [1, 1, 0, 1]
    assert before["segmentation"].equal(item()["segmentation"]) and before["segmentation_present"] == [1, 1, 1, 0]


def test_half_of_the_patients_are_mirrored_and_the_seed_says_which() -> None:
    def runs(seed: int) -> list[float]:
        mirror = RandMirrorSidesd(KEYS, "segmentation", [[3, 4]], prob=0.5).set_random_state(seed)
        return [float(mirror(item())["image"][0, 0, 0]) for _ in range(200)]

    assert runs(0) == runs(0)
    assert 70 < sum(value == 4.0 for value in runs(0)) < 130
    assert set(runs(1)) == {0.0, 4.0}


def test_prob_zero_changes_nothing() -> None:
    out = RandMirrorSidesd(KEYS, "segmentation", [[3, 4]], prob=0.0)(item())
    assert all(out[key].equal(item()[key]) for key in KEYS) and out["segmentation_present"] == [1, 1, 1, 0]


@pytest.mark.parametrize("pairs", [[[3]], [[3, 3]], [[0, 4]], [[1, 2], [2, 3]]])
def test_pairs_that_are_none(pairs: list) -> None:
    with pytest.raises(ValueError, match="pairs of different label values"):
        RandMirrorSidesd(KEYS, "segmentation", pairs)


def test_label_key_outside_the_keys() -> None:
    with pytest.raises(ValueError, match="mask"):
        RandMirrorSidesd(KEYS, "mask", [[3, 4]])
