# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The rows of a page's tables, from the report of inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ctan_monai.inference import LIMIT_SOURCES, figure_name
from ctan_monai.reports.structures import display_name
from ctan_monai.reports.table import NOTHING, number

__all__ = ["MOST_TARGETS", "Row", "cited_sources", "limit_note", "organ_rows", "target_rows"]

MOST_TARGETS = 5  # on the page; all are in the report


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        name: of the structure; empty where it continues the row above.
        color: of the structure; empty where it is not drawn.
        cells: text.
        flag: whether the row is a warning.
    """

    name: str
    color: str
    cells: Sequence[str]
    flag: bool = False


def target_rows(report: Mapping[str, Any], colors: Mapping[str, str]) -> list[Row]:
    """Prescribed dose (Gy), D95, D98, D2 (Gy), V95 (%) and a verdict of each target, at most :data:`MOST_TARGETS`."""
    rows = []
    for name, found in list(report.get("targets", {}).items())[:MOST_TARGETS]:
        figures = [number(found[key], 1) for key in ("d95_gy", "d98_gy", "d2_gy", "v95_percent")]
        verdict = {True: "covered", False: "missed", None: "in another"}[found["covered"]]
        prescribed = f"{found['prescribed_gy']:g}"
        rows.append(Row(name, colors.get(name, ""), [prescribed, *figures, verdict], found["covered"] is False))
    return rows


def organ_rows(report: Mapping[str, Any], organs: Sequence[str], colors: Mapping[str, str]) -> list[Row]:
    """Figure, predicted value, limit and its source of each organ; an organ with several limits has several rows.

    Args:
        report: of inference.
        organs: that the network contours.
        colors: of the organs that were found.

    Returns:
        the rows; a star at a limit says that it may be exceeded where :py:func:`limit_note` says so.
    """
    rows = []
    for organ in organs:
        limits = report.get("organ_doses", {}).get(organ, [])
        for position, limit in enumerate(limits):
            unit = limit["unit"]
            cells = [
                figure_name(limit["figure"]),
                f"{number(limit['value'], 1)} {unit}",
                f"{limit['limit']:g} {unit}{'*' if 'unless' in limit else ''}",
                limit["source"],
            ]
            first = position == 0
            name, color = (display_name(organ), colors.get(organ, "")) if first else ("", "")
            rows.append(Row(name, color, cells, limit["exceeded"]))
        if not limits:
            why = NOTHING if organ in colors else "not found"
            rows.append(Row(display_name(organ), colors.get(organ, ""), [why, NOTHING, NOTHING, NOTHING]))
    return rows


def limit_note(report: Mapping[str, Any]) -> str:
    """What a star in :py:func:`organ_rows` means; empty without one."""
    found = [limit for limits in report.get("organ_doses", {}).values() for limit in limits]
    others = {gray for limit in found for gray in limit.get("unless", {}).values()}
    return f"* or the other of the two below {min(others):g} Gy" if others else ""


def cited_sources(report: Mapping[str, Any]) -> dict[str, str]:
    """The sources of the limits that a report has, in full, by their short names."""
    cited = {limit["source"] for limits in report.get("organ_doses", {}).values() for limit in limits}
    return {short: full for short, full in LIMIT_SOURCES.items() if short in cited}
