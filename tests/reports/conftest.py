# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ctan_monai.metrics import RadiotherapyReference

LABELS = {1: "spinal_cord", 2: "right_parotid", 3: "left_parotid"}
SHAPE = (30, 26, 20)
SPACING = (2.0, 2.5, 5.0)


class Patient:
    """An asymmetric patient: a box of water, organs as boxes, a target and dose on the right in front.

    x grows to the left, y to posterior, z to superior.
    """

    def __init__(self) -> None:
        self.ct = np.full(SHAPE, -1000, np.int16)
        self.ct[5:25, 5:21, :] = 0
        self.ct[5:8, 11:14, 10] = 1000  # a bone on the patient's right, half-way to the back
        segmentation = np.zeros(SHAPE, np.uint8)
        segmentation[14:16, 16:18, :] = 1
        segmentation[6:9, 12:15, 8:14] = 2
        segmentation[21:24, 12:15, 8:14] = 3
        target = np.zeros(SHAPE, bool)
        target[8:13, 7:11, 7:13] = True
        dose = np.where(self.ct > -500, 10.0, 0.0).astype(np.float32)
        dose[target] = 70.0
        self.reference = RadiotherapyReference(
            spacing=SPACING,
            dose=dose,
            segmentation=segmentation,
            labels={name: label for label, name in LABELS.items()},
            body=self.ct > -500,
            possible_dose_mask=self.ct > -500,
            structures={"SpinalCord": segmentation == 1, "PTV70": target},
        )

    def without(self, organ: str) -> RadiotherapyReference:
        """The reference without one organ."""
        label = self.reference.labels[organ]
        assert self.reference.segmentation is not None
        segmentation = np.where(self.reference.segmentation == label, 0, self.reference.segmentation)
        return replace(self.reference, segmentation=segmentation)

    def prediction(self, shift: int = 1, factor: float = 0.9) -> dict[str, np.ndarray]:
        """The reference, contours moved to the left and dose scaled."""
        assert self.reference.segmentation is not None and self.reference.dose is not None
        return {
            "segmentation": np.roll(self.reference.segmentation, shift, axis=0),
            "dose": self.reference.dose * factor,
        }


@pytest.fixture
def patient() -> Patient:
    return Patient()


@pytest.fixture
def labels() -> dict[int, str]:
    return dict(LABELS)
