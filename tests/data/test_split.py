# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import Counter

import pytest

from ctan_monai.data.preparation.split import merge_small_strata, stratified_split
from ctan_monai.utils import DataError

GROUPS = {**{f"a{i}": "a" for i in range(20)}, **{f"b{i}": "b" for i in range(10)}}


def counts(groups: dict[str, str], **kwargs: object) -> Counter[tuple[str, str]]:
    sections = stratified_split(groups, **kwargs)  # type: ignore[arg-type]
    assert list(sections) == list(groups)
    return Counter((groups[group], section) for group, section in sections.items())


def test_each_stratum_has_the_same_proportions() -> None:
    assert counts(GROUPS) == {
        ("a", "training"): 14, ("a", "validation"): 2, ("a", "test"): 4,
        ("b", "training"): 7, ("b", "validation"): 1, ("b", "test"): 2,
    }  # fmt: skip


def test_largest_remainders_are_rounded_up() -> None:
    # 12 groups: shares 8.4, 1.2, 2.4 -> 8, 1, 2 and one more for training (0.4, the first of two equal remainders)
    assert counts({f"p{i}": "x" for i in range(12)}) == {
        ("x", "training"): 9, ("x", "validation"): 1, ("x", "test"): 2,
    }  # fmt: skip


@pytest.mark.parametrize(("size", "expected"), [(3, (1, 1, 1)), (4, (2, 1, 1)), (5, (3, 1, 1))])
def test_no_section_stays_without_a_small_stratum(size: int, expected: tuple[int, int, int]) -> None:
    found = counts({f"p{i}": "x" for i in range(size)})
    assert tuple(found["x", section] for section in ("training", "validation", "test")) == expected


def test_depends_on_the_seed_and_not_on_the_order() -> None:
    first = stratified_split(GROUPS, seed=0)
    assert stratified_split(dict(reversed(GROUPS.items())), seed=0) == first
    assert stratified_split(GROUPS, seed=1) != first


def test_the_split_never_changes() -> None:
    """Published results name a seed: whoever splits anew must get the same lists."""
    sections = stratified_split({f"p{i}": "x" for i in range(10)}, seed=0)
    assert [group for group, section in sections.items() if section != "training"] == ["p4", "p7", "p8"]


def test_small_strata_are_merged_with_a_note() -> None:
    groups = {**GROUPS, "c0": "c", "c1": "c", "d0": "d"}
    merged, notes = merge_small_strata(groups)
    assert notes == ["strata too small to split were split as one: c (2), d (1)"]
    assert {merged[name] for name in ("c0", "c1", "d0")} == {"c+d"}
    assert {merged["a0"], merged["b0"]} == {"a", "b"}
    sections = stratified_split(groups)
    assert {sections[name] for name in ("c0", "c1", "d0")} == {"training", "validation", "test"}


def test_a_single_small_stratum_joins_the_smallest_other() -> None:
    merged, notes = merge_small_strata({**GROUPS, "c0": "c"})
    assert notes == ["strata too small to split were split as one: c (1), b (10)"]
    assert merged["c0"] == merged["b0"] == "c+b"
    assert merged["a0"] == "a"


def test_a_section_of_fraction_zero_stays_empty() -> None:
    assert set(stratified_split(GROUPS, (0.8, 0.2, 0.0)).values()) == {"training", "validation"}


def test_too_few_groups() -> None:
    with pytest.raises(DataError, match=r"^2 patients or lesions cannot be split into 3 sections: at least 3"):
        stratified_split({"a": "x", "b": "x"})


@pytest.mark.parametrize("fractions", [(0.7, 0.1), (0.7, 0.2, 0.2), (1.2, -0.1, -0.1)])
def test_fractions_that_are_none(fractions: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="three that add up to 1"):
        stratified_split(GROUPS, fractions)
