# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from ctan_monai.losses import DoseMAELoss


def test_is_the_mean_absolute_error_over_the_scale() -> None:
    output, dose = torch.tensor([[[[1.0, 0.5]]]]), torch.tensor([[[[70.0, 0.0]]]])
    assert DoseMAELoss(70.0)(output, dose).item() == pytest.approx(0.25)


def test_samples_without_dose_do_not_count_even_if_nan() -> None:
    output = torch.tensor([1.0, 3.0]).view(2, 1, 1, 1).requires_grad_()
    dose = torch.tensor([0.0, float("nan")]).view(2, 1, 1, 1)
    loss = DoseMAELoss(70.0)(output, dose, torch.tensor([1.0, 0.0]))
    loss.backward()
    assert loss.item() == pytest.approx(1.0)
    assert output.grad is not None
    assert output.grad.flatten().tolist() == [1.0, 0.0]


def test_no_sample_has_a_dose() -> None:
    output = torch.ones(2, 1, 1, 1, requires_grad=True)
    loss = DoseMAELoss(70.0)(output, torch.zeros(2, 1, 1, 1), torch.zeros(2))
    loss.backward()
    assert loss.item() == 0.0


@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_scale_must_be_positive(scale: float) -> None:
    with pytest.raises(ValueError, match="dose_scale"):
        DoseMAELoss(scale)
