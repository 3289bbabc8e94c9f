# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Tables as a page shows them: text in cells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["NOTHING", "Cell", "Table", "mark_extreme", "mean_std", "number"]

NOTHING = "–"  # where there is no value


@dataclass
class Cell:
    """Text of a cell, and why it stands out: `best`, `worst` or nothing."""

    text: str
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table; the first cell of each row is its header.

    Args:
        caption: what it shows, with the order of its rows.
        columns: headers, with units.
        rows: cells.
        text_columns: positions of columns that hold text, which is set to the left.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    text_columns: Sequence[int] = field(default=(0,))


def number(value: Any, digits: int) -> str:
    """A number with so many decimals; :data:`NOTHING` for None and NaN."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{float(value):.{digits}f}".replace("-", "\N{MINUS SIGN}")


def mean_std(values: Mapping[str, Any] | None, digits: int) -> str:
    """`mean ± std` of an entry of a summary; without `± std` where there is a single value."""
    mean = number((values or {}).get("mean"), digits)
    std = number((values or {}).get("std"), digits)
    return mean if NOTHING in (mean, std) else f"{mean}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{std}"


def mark_extreme(cells: Sequence[Cell], values: Sequence[Any], largest: bool, mark: str) -> None:
    """Mark the cell with the largest (or smallest) value, if at least two values differ."""
    found = {position: value for position, value in enumerate(values) if value is not None and math.isfinite(value)}
    if len(set(found.values())) < 2:
        return
    extreme = max(found.values()) if largest else min(found.values())
    for position, value in found.items():
        if value == extreme:
            cells[position].mark = mark
