# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The page itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctan_monai.inference import LIMIT_SOURCES, figure_name
from ctan_monai.reports.page import render_html
from ctan_monai.reports.structures import display_name
from ctan_monai.reports.table import NOTHING, number
from ctan_monai.utils.names import printable, shortened

from .figures import dvh_png, planes_png, structure_colors
from .network import NetworkFacts
from .volumes import PageVolumes

__all__ = ["patient_page"]

# what one sheet has room for; the report has all
_WARNING_LINES, _LINE, _LONGEST_WARNING = 7, 110, 220  # lines in all, characters in a line and in a warning
_VERDICT_LINES = 4
_MOST_TARGETS = 5
_HIGH_PLANES, _LOW_PLANES, _ROOMY = 2.9, 1.4, 20  # inches; lines of warnings and tables that leave room for the first


def patient_page(
    report: Mapping[str, Any],
    about: Mapping[str, Any],
    volumes: PageVolumes,
    organs: Sequence[str],
    facts: NetworkFacts,
) -> str:
    """One sheet on one patient as HTML that needs no other file and prints on one page of A4.

    Args:
        report: of :py:class:`ctan_monai.inference.ReportPlausibilityd`.
        about: of :py:meth:`ctan_monai.inference.ResultsFolder.about`.
        volumes: of the patient.
        organs: that the network contours.
        facts: on the network.
    """
    colors = structure_colors(volumes)
    because = report.get("unusable_because", "")
    others = [text for text in report["warnings"] if text != because]
    verdict = _VERDICT_LINES if because else 0
    warnings, lines = _fitting([shortened(text, _LONGEST_WARNING) for text in others], _WARNING_LINES - verdict)
    targets, rows = _target_rows(report, colors), _organ_rows(report, organs, colors)
    highest = _HIGH_PLANES if verdict + lines + len(targets) + len(rows) <= _ROOMY else _LOW_PLANES
    return render_html(
        "patient_page.html.j2",
        case_id=printable(str(report["case_id"])),
        identity=_identity(report, about),
        about=about.get("about", ""),
        unusable_because=because,
        warnings=warnings,
        more_warnings=len(others) - len(warnings),
        planes=planes_png(volumes, colors, highest),
        dvh=dvh_png(volumes, colors),
        targets=targets,
        more_targets=max(0, len(report.get("targets", {})) - _MOST_TARGETS),
        targets_given="targets_from" in report,
        organs=rows,
        limit_note=_limit_note(report),
        sources=_cited_sources(report),
        facts=facts,
        intended_use=facts.intended_use.removeprefix("Research only.").strip() or "Not a medical device.",
    )


def _fitting(warnings: Sequence[str], most: int) -> tuple[list[str], int]:
    """The first warnings that the page has room for, and the lines that they take."""
    fitting, lines = [], 0
    for text in warnings:
        needed = -(-len(text) // _LINE)
        if lines + needed > most:
            break
        fitting.append(text)
        lines += needed
    return fitting, lines


def _identity(report: Mapping[str, Any], about: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [("Patient ID", about.get("patient_id", "")), ("CT", Path(str(report.get("image", ""))).name)]
    rows += [("CT series", about.get("series_instance_uid", "")), ("SHA-256 of the CT", about.get("sha256", "")[:16])]
    if "targets_from" in report:
        rows.append(("Targets", Path(str(report["targets_from"])).name))
    rows.append(("Predicted", about.get("made", "")))
    return [(title, printable(text)) for title, text in rows if text]


@dataclass(frozen=True)
class _Row:
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


def _target_rows(report: Mapping[str, Any], colors: Mapping[str, str]) -> list[_Row]:
    """Prescribed dose (Gy), D95, D98, D2 (Gy), V95 (%) and a verdict of each target, at most :data:`_MOST_TARGETS`."""
    rows = []
    for name, found in list(report.get("targets", {}).items())[:_MOST_TARGETS]:
        figures = [number(found[key], 1) for key in ("d95_gy", "d98_gy", "d2_gy", "v95_percent")]
        verdict = {True: "covered", False: "missed", None: "in another"}[found["covered"]]
        prescribed = f"{found['prescribed_gy']:g}"
        rows.append(_Row(name, colors.get(name, ""), [prescribed, *figures, verdict], found["covered"] is False))
    return rows


def _organ_rows(report: Mapping[str, Any], organs: Sequence[str], colors: Mapping[str, str]) -> list[_Row]:
    """Figure, predicted value, limit and its source of each organ; an organ with several limits has several rows.

    Args:
        report: of inference.
        organs: that the network contours.
        colors: of the organs that were found.

    Returns:
        the rows; a star at a limit says that it may be exceeded where :py:func:`_limit_note` says so.
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
            rows.append(_Row(name, color, cells, limit["exceeded"]))
        if not limits:
            why = NOTHING if organ in colors else "not found"
            rows.append(_Row(display_name(organ), colors.get(organ, ""), [why, NOTHING, NOTHING, NOTHING]))
    return rows


def _limit_note(report: Mapping[str, Any]) -> str:
    """What a star in :py:func:`_organ_rows` means; empty without one."""
    found = [limit for limits in report.get("organ_doses", {}).values() for limit in limits]
    others = {gray for limit in found for gray in limit.get("unless", {}).values()}
    return f"* or the other of the two below {min(others):g} Gy" if others else ""


def _cited_sources(report: Mapping[str, Any]) -> dict[str, str]:
    """The sources of the limits that a report has, in full, by their short names."""
    cited = {limit["source"] for limits in report.get("organ_doses", {}).values() for limit in limits}
    return {short: full for short, full in LIMIT_SOURCES.items() if short in cited}
