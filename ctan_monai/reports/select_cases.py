# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Which patients a report shows pictures of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

__all__ = ["choose_cases"]


def choose_cases(values: Mapping[str, float], count: int, higher_is_better: bool) -> dict[str, str]:
    """Patients spread evenly from best to worst.

    Args:
        values: by case id.
        count: of patients; 3 gives the best, the median and the worst.
        higher_is_better: or lower.

    Returns:
        By case id, best first, its place: `best`, `median`, `worst`, or `no. 4 of 14 by`; `only` for a single patient.
        The first of equal values wins. Fewer where there are not so many.
    """
    order = sorted(values, key=values.__getitem__, reverse=higher_is_better)
    last = len(order) - 1
    positions = sorted(set(np.linspace(0, last, count).astype(int).tolist())) if order else []
    places = {last // 2: "median", last: "worst", 0: "best"} if last else {0: "only"}
    return {order[p]: places.get(p, f"no. {p + 1} of {len(order)} by") for p in positions}
