# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest

from ctan_monai.networks import CTAN, METHODS, ConstantMasks, method

TASKS = {"a": {"level": "pixel", "out_channels": 2}, "b": {"level": "image", "out_channels": 3}}


def test_the_papers_methods_are_their_classes() -> None:
    assert list(METHODS)[:4] == ["STL", "HPS", "MTAN", "CTAN"]
    assert method("CTAN") is CTAN
    assert all(entry.description for entry in METHODS.values())


@pytest.mark.parametrize(
    ("name", "cross", "ctab", "attended_skips"),
    [
        ("MTAN", False, False, True),
        ("CTAN", True, True, True),
        ("CTAN_without_CTAB", True, False, True),
        ("CTAN_trunk_skips", True, False, False),
        ("MTAN_with_CTAB", False, True, True),
    ],
)
def test_what_the_networks_with_attention_are_made_of(name: str, cross: bool, ctab: bool, attended_skips: bool) -> None:
    network = method(name)(2, 3, TASKS, "resnet18_half", "conv7x7")
    assert {stage.cross for stage in network.attention} == {cross}
    assert (network.bottleneck is not None, network.attended_skips) == (ctab, attended_skips)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("CTAN", {}),
        ("CTAN_relu_CTAB", {"normalization": "none", "ctab_activation": "relu", "ctab_identity": False}),
        ("CTAN_without_softmax", {"normalization": "none"}),
        ("CTAN_without_identity", {"ctab_identity": False}),
        ("CTAN_own_CTAB", {"ctab_cross": False}),
    ],
)
def test_what_the_ablations_of_equation_2_change(name: str, changed: dict[str, object]) -> None:
    usual = {"normalization": "softmax", "ctab_activation": "none", "ctab_identity": True, "ctab_cross": True}
    found = json.loads(method(name)(2, 3, TASKS, "resnet18_half", "conv7x7").reading)
    assert {key: found[key] for key in usual} == usual | changed


def test_ablations_of_equation_1() -> None:
    constant, shared = (
        method(name)(2, 3, TASKS, "resnet18_half", "conv7x7") for name in ("CTAN_constant_masks", "CTAN_shared_pool")
    )
    assert {type(stage) for stage in constant.attention} == {ConstantMasks}
    usual = method("CTAN")(2, 3, TASKS, "resnet18_half", "conv7x7")
    names = [name for name, _ in usual.named_parameters() if ".pools.1." in name]  # the second task's
    assert names and not any(".pools.1." in name and name in names for name, _ in shared.named_parameters())


def test_the_wide_network_has_ctans_size() -> None:
    wide, ctan = (method(name)(2, 3, TASKS, "resnet18_half", "conv7x7") for name in ("HPS_wide", "CTAN"))
    sizes = [sum(p.numel() for p in network.parameters()) for network in (wide, ctan)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.02)


@pytest.mark.parametrize(("name", "hint"), [("ctan", "'CTAN'"), ("MTAM", "'MTAN'"), ("ctan_without_ctab", "'CTAN_w")])
def test_an_unknown_name_lists_the_known_ones(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match=rf"Unknown method '{name}': use one of STL, HPS, MTAN, .*mean {hint}"):
        method(name)
