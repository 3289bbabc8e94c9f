# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ctan_monai.utils.errors import DataError
from ctan_monai.utils.keys import POSITION, SLICE


def expand_slices(cases: Sequence[Mapping[str, Any]], slices_key: str = "body_slices") -> list[dict[str, Any]]:
    """One item for each slice that holds body, so that an epoch visits each of these once.

    Args:
        cases: patients of a data list, each with the indices of its slices under ``slices_key``.
        slices_key: name of that list.

    Returns:
        the patients' items, without the list, with the index under "slice_index" and, under "slice_position", where the
        slice lies within the body: 0 at its first slice, 1 at its last.

    Raises:
        DataError: a patient without the list, or no slice at all.
    """
    items: list[dict[str, Any]] = []
    for case in cases:
        if slices_key not in case:
            raise DataError(
                f"datalist.json: the case '{case.get('case_id', '?')}' has no '{slices_key}'. Prepare the data again "
                "with ctan-monai prepare."
            )
        shared = {k: v for k, v in case.items() if k != slices_key}
        indices = [int(index) for index in case[slices_key]]
        first, length = min(indices, default=0), max(max(indices, default=0) - min(indices, default=0), 1)
        items += [{**shared, SLICE: index, POSITION: (index - first) / length} for index in indices]
    if not items:
        raise DataError(
            f"datalist.json: no slice holds body in {len(cases)} cases: the prepared data are empty or not CT."
        )
    return items
