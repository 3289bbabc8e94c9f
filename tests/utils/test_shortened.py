# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from support import REPOSITORY

from ctan_monai.reports.patient_page import network_facts
from ctan_monai.utils.names import shortened


@pytest.mark.parametrize(
    ("text", "longest", "expected"),
    [
        ("four words of text", 18, "four words of text"),
        ("four words of text", 17, "four words of…"),
        ("four words of text", 14, "four words of…"),  # the room ends with a word
        ("four words, and more", 15, "four words…"),
        ("two parts", 9, "two parts"),
        ("in ThisIsOneLongName", 12, "in ThisIsOn…"),  # a name longer than half of the room
        ("W" * 20, 10, "W" * 9 + "…"),
    ],
)
def test_text_is_cut_between_words(text: str, longest: int, expected: str) -> None:
    assert shortened(text, longest) == expected
    assert len(expected) <= longest


@pytest.mark.parametrize("network", ["ctan_small", "ctan_targets"])
def test_the_page_cuts_no_word_of_what_a_network_is_not_good_for(network: str) -> None:
    folder = REPOSITORY / "bundles" / "openkbp" / "models" / network
    words = set((folder / "limits.md").read_text().replace("*", "").replace("`", "").split())
    limits = network_facts(folder.parents[1], folder / "model.pt").limits
    assert len(limits) == 3
    for limit in limits:
        last = limit.removesuffix("…").split()[-1]
        assert any(word.strip(".,;:") == last.strip(".,;:") for word in words), limit
