# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What each part of the trained networks is worth, from the functional tests of their runs."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["compare_parts"]


def compare_parts(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The functional tests of all runs, by method and part.

    Args:
        results: contents of the result files; those without a functional test are left out.

    Returns:
        rows with ``line`` (the method; STL has one a task), ``part``, ``losses`` of the validation score and their
        ``intervals`` seed by seed, ``loss`` (their mean), ``score_std`` (standard deviation of the score over the
        method's seeds; None with one), and ``needed``: whether each interval is above 0 and the mean loss above
        ``score_std``. None where there is no interval or only one seed.
    """
    lines: dict[str, list[Mapping[str, Any]]] = {}
    for result in sorted(results, key=lambda result: result["seed"]):
        test = result["training"].get("functional_test")
        if test:
            lines.setdefault(result["line"], []).append(test)
    rows = []
    for line, tests in lines.items():
        score_std = statistics.stdev(test["score"] for test in tests) if len(tests) > 1 else None
        for part in dict.fromkeys(part for test in tests for part in test["parts"]):
            found = [test["parts"][part] for test in tests if part in test["parts"]]
            losses, intervals = [part["loss"] for part in found], [part["interval"] for part in found]
            loss = statistics.fmean(losses)
            needed = None
            if score_std is not None and None not in intervals:
                needed = loss > score_std and all(low > 0 for low, _ in intervals)
            rows.append(
                {
                    "line": line,
                    "part": part,
                    "losses": losses,
                    "intervals": intervals,
                    "loss": loss,
                    "score_std": score_std,
                    "needed": needed,
                }
            )
    return rows
