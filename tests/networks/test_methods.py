# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from ctan_monai.networks import CTAN, METHODS, method

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


@pytest.mark.parametrize(("name", "hint"), [("ctan", "'CTAN'"), ("MTAM", "'MTAN'"), ("ctan_without_ctab", "'CTAN_w")])
def test_an_unknown_name_lists_the_known_ones(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match=rf"Unknown method '{name}': use one of STL, HPS, MTAN, .*mean {hint}"):
        method(name)
