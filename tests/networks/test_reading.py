# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0

"""Weights keep the reading of the paper that they were trained with, and load into no other."""

from __future__ import annotations

import io

import pytest
import torch

from ctan_monai.bundle import load_weights
from ctan_monai.networks import CTAN, MTAN

PIXEL = {"level": "pixel", "out_channels": 2}
FORMER = {"normalization": "none", "ctab_activation": "relu", "ctab_identity": False}


def build(method=CTAN, **options):
    return method(2, 1, {"a": PIXEL, "b": PIXEL}, "resnet18_half", "conv7x7", **options)


def saved(state):
    """The state dict as a file gives it back, floating-point values in half precision."""
    buffer = io.BytesIO()
    torch.save({k: v.half() if v.is_floating_point() else v for k, v in state.items()}, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


# options that change no name and no shape
READINGS = [
    ({"order": "prose"}, "order 'prose', but this one has order 'equation'"),
    ({"normalization": "none"}, "normalization 'none'"),
    ({"ctab_activation": "relu"}, "ctab_activation 'relu'"),
    ({"ctab_identity": False}, "ctab_identity False"),
    ({"ctab_cross": False}, "ctab_cross False"),
    ({"attended_skips": False}, "attended_skips False"),
]


@pytest.mark.parametrize(("options", "message"), READINGS)
def test_weights_of_another_reading_are_refused(options, message):
    net = build()
    before = net.state_dict()["trunk.conv1.weight"].clone()
    with pytest.raises(ValueError, match=message):
        net.load_state_dict(saved(build(**options).state_dict()))
    assert torch.equal(net.state_dict()["trunk.conv1.weight"], before), "nothing was loaded"


@pytest.mark.parametrize("options", [{}, FORMER, {"order": "prose"}, {"ctab": False}])
def test_weights_of_the_same_reading_load(options):
    state = build(**options).state_dict()
    net = build(**options)
    net.load_state_dict(saved(state))
    torch.testing.assert_close(
        net.state_dict()["trunk.conv1.weight"], state["trunk.conv1.weight"], rtol=1e-3, atol=1e-3
    )


def test_weights_without_a_record_have_the_former_reading(tmp_path):
    state = {k: v for k, v in build(**FORMER).state_dict().items() if k != "_extra_state"}
    build(**FORMER).load_state_dict(state)
    path = tmp_path / "model.pt"
    torch.save(state, path)
    load_weights(build(**FORMER), path)
    with pytest.raises(ValueError, match=r"model\.pt'.*earlier version.*normalization 'none', ctab_activation 'relu'"):
        load_weights(build(), path)


def test_mtan_keeps_its_reading_too():
    net = build(MTAN, ctab=True)
    other = build(ctab_cross=False).state_dict()["_extra_state"]
    with pytest.raises(ValueError, match="cross True, ctab_cross False, but this one has cross False, ctab_cross True"):
        net.load_state_dict({**net.state_dict(), "_extra_state": other})
