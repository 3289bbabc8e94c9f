# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest
import torch
from monai.bundle import ConfigParser

from ctan_monai.handlers import DynamicWeightAverage, EqualWeights, choose_weighting
from ctan_monai.losses import MultiTaskLoss

WEIGHTINGS = {
    "DWA": {"_target_": "ctan_monai.handlers.DynamicWeightAverage", "_mode_": "callable", "temperature": 3.0},
    "uncertainty": {"_target_": "ctan_monai.handlers.UncertaintyWeighting", "_mode_": "callable"},
    "equal": {"_target_": "ctan_monai.handlers.EqualWeights", "_mode_": "callable"},
}


@pytest.fixture
def weightings() -> dict[str, Any]:
    return ConfigParser({"weightings": WEIGHTINGS}).get_parsed_content("weightings")


def test_only_the_chosen_one_is_made(weightings: dict[str, Any]) -> None:
    """Uncertainty weighting could not be: this loss has no parameters for it."""
    loss = MultiTaskLoss({"a": torch.nn.L1Loss()})
    chosen = choose_weighting(weightings, "DWA", loss)
    assert isinstance(chosen, DynamicWeightAverage)
    assert (chosen.loss, chosen.temperature) == (loss, 3.0)
    assert isinstance(choose_weighting(weightings, "equal", loss), EqualWeights)


@pytest.mark.parametrize(("name", "said"), [("dwa", "'dwa'"), (EqualWeights, "a type"), ({}, "a dict")])
def test_an_unknown_name_lists_the_known_ones(weightings: dict[str, Any], name: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"weighting is {said}: use one of DWA, uncertainty, equal"):
        choose_weighting(weightings, name, MultiTaskLoss({"a": torch.nn.L1Loss()}))
