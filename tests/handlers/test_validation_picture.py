# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The picture of a validation case in TensorBoard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from ignite.engine import Engine
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ctan_monai.handlers import ValidationPicture

TASKS = {"segmentation": {"level": "pixel"}, "dose": {"level": "pixel"}, "covid": {"level": "image"}}


def one_hot(labels: torch.Tensor, classes: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(labels, classes).movedim(-1, 0).float()


def volume() -> dict[str, torch.Tensor]:
    """An organ in slice 2 of a volume of 6 x 4 x 5 voxels, a dose that is highest there."""
    labels = torch.zeros(6, 4, 5, dtype=torch.long)
    labels[1:3, 1, 2] = 1
    dose = torch.zeros(1, 6, 4, 5)
    dose[0, 4, 3, 2] = 50.0
    return {
        "image": torch.rand(3, 6, 4, 5),
        "label_segmentation": one_hot(labels, 3),
        "pred_segmentation": one_hot(torch.zeros_like(labels), 3),
        "label_dose": dose,
        "pred_dose": dose / 2,
        "pred_covid": torch.rand(1),
    }


def test_panels_of_a_volume_stand_upright_at_the_fullest_slice(tmp_path: Path) -> None:
    picture = ValidationPicture(str(tmp_path), TASKS).picture(volume())
    assert picture.shape == (4, 5 * 6, 3), "rows are y, columns x, five panels"
    assert picture.min() >= 0
    assert picture.max() <= 1
    _, reference, prediction, dose, half = np.split(picture, 5, axis=1)
    lit = np.argwhere(reference.sum(axis=-1) > 0)
    assert lit.tolist() == [[1, 1], [1, 2]], "row y = 1, columns x = 1 and 2"
    assert prediction.sum() == 0
    assert dose.sum(axis=-1).argmax() == 3 * 6 + 4
    assert dose.sum(axis=-1).max() > half.sum(axis=-1).max(), "both panels have one scale"


def test_a_photograph_keeps_its_rows(tmp_path: Path) -> None:
    labels = torch.zeros(4, 6, dtype=torch.long)
    labels[0, 5] = 1
    item = {
        "image": torch.rand(3, 4, 6),
        "label_segmentation": one_hot(labels, 2),
        "pred_segmentation": one_hot(labels, 2),
    }
    picture = ValidationPicture(str(tmp_path), TASKS, columns_first=False).picture(item)
    assert picture.shape == (4, 3 * 6, 3)
    assert np.argwhere(picture[:, 6:12].sum(axis=-1) > 0).tolist() == [[0, 5]]


def test_a_case_of_image_level_tasks_shows_its_slices(tmp_path: Path) -> None:
    picture = ValidationPicture(str(tmp_path), {"covid": {"level": "image"}}).picture(
        {"image": torch.rand(16, 1, 5, 7)}
    )
    assert picture.shape == (7, 8 * 5, 3)


def test_tensorboard_gets_one_picture_an_epoch(tmp_path: Path) -> None:
    engine = Engine(lambda *_: [volume()])
    ValidationPicture(str(tmp_path), TASKS).attach(engine)
    engine.run([0], max_epochs=2)
    events = EventAccumulator(str(tmp_path)).Reload()
    images = events.Images("validation_case")
    assert [image.step for image in images] == [1, 2]
    assert (images[0].width, images[0].height) == (30, 4)
