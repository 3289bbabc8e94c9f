# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Tables as a page shows them: text in cells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["NOTHING", "Cell", "Table", "counted", "marked", "mean_std", "number", "table"]

NOTHING = "–"  # where there is no value


@dataclass(frozen=True)
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


def table(caption: str, columns: Mapping[str, Sequence[Any]], text_columns: Sequence[int] = (0,)) -> Table | None:
    """A table from its columns, header to cells (or what becomes their text); None without rows."""
    cells = [[cell if isinstance(cell, Cell) else Cell(str(cell)) for cell in column] for column in columns.values()]
    rows = list(zip(*cells, strict=True))
    return Table(caption, list(columns), rows, text_columns) if rows else None


def number(value: Any, digits: int) -> str:
    """A number with so many decimals; :data:`NOTHING` for None and NaN."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{float(value):.{digits}f}".replace("-", "\N{MINUS SIGN}")


def mean_std(values: Mapping[str, Any] | None, digits: int) -> str:
    """`mean ± std` of an entry of a summary; without `± std` where there is a single value."""
    mean, std = (number((values or {}).get(key), digits) for key in ("mean", "std"))
    return mean if NOTHING in (mean, std) else f"{mean}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{std}"


def counted(count: int, noun: str) -> str:
    """`1 patient`, `2 patients`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def marked(texts: Sequence[str], values: Sequence[Any], largest: bool, mark: str) -> list[Cell]:
    """Cells, of which those with the largest (or smallest) value are marked if at least two values differ."""
    found = [value for value in values if value is not None and math.isfinite(value)]
    extreme = (max if largest else min)(found) if len(set(found)) > 1 else None
    return [
        Cell(text, mark if extreme is not None and value == extreme else "")
        for text, value in zip(texts, values, strict=True)
    ]
