# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The page itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ctan_monai.reports.page import render_html
from ctan_monai.utils.names import printable, shortened

from .figures import dvh_png, planes_png, structure_colors
from .network import NetworkFacts
from .tables import MOST_TARGETS, cited_sources, limit_note, organ_rows, target_rows
from .volumes import PageVolumes

__all__ = ["patient_page"]

# what one sheet has room for; the report has all
_WARNING_LINES, _LINE, _LONGEST_WARNING = 7, 110, 220  # lines in all, characters in a line and in a warning
_VERDICT_LINES = 4
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
    targets, rows = target_rows(report, colors), organ_rows(report, organs, colors)
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
        more_targets=max(0, len(report.get("targets", {})) - MOST_TARGETS),
        targets_given="targets_from" in report,
        organs=rows,
        limit_note=limit_note(report),
        sources=cited_sources(report),
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
