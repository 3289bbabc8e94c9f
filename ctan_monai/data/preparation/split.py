# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A seeded, stratified split of whole groups (patients, lesions) into training, validation and test."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

from ctan_monai.utils.errors import DataError

__all__ = ["SECTIONS", "merge_small_strata", "stratified_split"]

SECTIONS = ("training", "validation", "test")


def stratified_split(
    groups: Mapping[str, str], fractions: Sequence[float] = (0.7, 0.1, 0.2), seed: int = 0
) -> dict[str, str]:
    """Assigns each group to one section, each stratum in the same proportions.

    Split whole groups: all images of a lesion, all scans of a patient, are one group. The order within a stratum is
    that of a hash of seed and name, so that the result depends on nothing else: not on the order of ``groups``, nor on
    the version of a library, and a group that is added moves few others.

    Args:
        groups: group id to its stratum (its class).
        fractions: of training, validation and test; they add up to 1. A section whose fraction is 0 stays empty.
        seed: another one gives another split.

    Returns:
        group id to ``"training"``, ``"validation"`` or ``"test"``. Every stratum that is not merged
        (:py:func:`merge_small_strata`) has at least one group in each section.

    Raises:
        ValueError: fractions that are negative or do not add up to 1.
        DataError: fewer groups than sections.
    """
    merged, _ = merge_small_strata(groups, fractions)
    strata: dict[str, list[str]] = defaultdict(list)
    for group, stratum in merged.items():
        strata[stratum].append(group)
    sections: dict[str, str] = {}
    for names in strata.values():
        ordered = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
        counts = _counts(len(ordered), fractions)
        labels = [section for section, count in zip(SECTIONS, counts, strict=True) for _ in range(count)]
        sections.update(zip(ordered, labels, strict=True))
    return {group: sections[group] for group in groups}


def merge_small_strata(
    groups: Mapping[str, str], fractions: Sequence[float] = (0.7, 0.1, 0.2)
) -> tuple[dict[str, str], list[str]]:
    """Puts strata with fewer groups than there are sections into one, so that each can be split.

    If that one is still too small, it joins the smallest of the others.

    Args:
        groups: as of :py:func:`stratified_split`.
        fractions: see :py:func:`stratified_split`.

    Returns:
        the groups with their strata after merging, and a note on each merging, for the data list's provenance.

    Raises:
        ValueError: see :py:func:`stratified_split`.
        DataError: see :py:func:`stratified_split`.
    """
    if len(fractions) != len(SECTIONS) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(f"fractions must be three that add up to 1 (training, validation, test), got {fractions}.")
    needed = sum(fraction > 0 for fraction in fractions)
    if len(groups) < needed:
        raise DataError(
            f"{len(groups)} patients or lesions cannot be split into {needed} sections: at least {needed} are needed. "
            "Give more data."
        )
    sizes: dict[str, int] = defaultdict(int)
    for stratum in groups.values():
        sizes[stratum] += 1
    small = sorted(stratum for stratum, size in sizes.items() if size < needed)
    large = sorted((size, stratum) for stratum, size in sizes.items() if size >= needed)
    if small and sum(sizes[stratum] for stratum in small) < needed:
        small.append(large[0][1])  # there is one, since all groups together are enough
    if len(small) < 2:
        return dict(groups), []
    name = "+".join(small)
    listed = ", ".join(f"{stratum} ({sizes[stratum]})" for stratum in small)
    note = f"strata too small to split were split as one: {listed}"
    return {group: name if stratum in small else stratum for group, stratum in groups.items()}, [note]


def _counts(size: int, fractions: Sequence[float]) -> list[int]:
    """Groups for each section: the largest remainders are rounded up, and no section with a fraction stays empty."""
    shares = [size * fraction for fraction in fractions]
    counts = [int(share + 1e-9) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda i: (round(counts[i] - shares[i], 9), i))
    for index in by_remainder[: size - sum(counts)]:
        counts[index] += 1
    for index, fraction in enumerate(fractions):
        if fraction > 0 and counts[index] == 0:
            counts[counts.index(max(counts))] -= 1
            counts[index] = 1
    return counts
