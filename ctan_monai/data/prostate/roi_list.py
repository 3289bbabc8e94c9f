# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""How the structures of a cohort are called, before patterns of their names are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom.uid import RTStructureSetStorage

from ctan_monai.dicom.read_file import damaged_file, file_border, read_dicom
from ctan_monai.utils.errors import InputError

from .roi_names import ROI_MAP, match_rois

__all__ = ["CohortROI", "cohort_rois", "roi_table"]


@dataclass(frozen=True)
class CohortROI:
    """A name of structures.

    Attributes:
        name: ROIName, without spaces around it.
        label: which label a structure of this name is, by the patterns; empty: none.
        drawn: structure sets in which it has contours.
        empty: structure sets in which it has none.
    """

    name: str
    label: str
    drawn: int
    empty: int


def cohort_rois(
    paths: Iterable[Path], roi_map: Mapping[str, Sequence[str]] = ROI_MAP
) -> tuple[list[CohortROI], list[str]]:
    """The names of all structures in structure sets.

    Args:
        paths: RTSTRUCT files.
        roi_map: label to patterns.

    Returns:
        a row a name: those of labels first, in the labels' order, then by how often they are drawn; and a note on each
        file that cannot be read.
    """
    drawn: dict[str, int] = {}
    empty: dict[str, int] = {}
    notes = []
    for path in paths:
        try:
            for name, has_contours in _rois(path).items():
                counts = drawn if has_contours else empty
                counts[name] = counts.get(name, 0) + 1
        except InputError as error:
            notes.append(str(error))
    rows = [
        CohortROI(name, _label(name, roi_map), drawn.get(name, 0), empty.get(name, 0))
        for name in dict.fromkeys([*drawn, *empty])
    ]
    order = {label: position for position, label in enumerate(roi_map)}
    rows.sort(key=lambda row: (order.get(row.label, len(order)), -row.drawn, -row.empty, row.name))
    return rows, notes


def roi_table(rows: Sequence[CohortROI]) -> str:
    """The rows as text, in columns."""
    cells = [("label", "name", "drawn in", "empty in"), *((r.label or "-", r.name, r.drawn, r.empty) for r in rows)]
    widths = [max(len(str(row[column])) for row in cells) for column in range(2)]
    return "\n".join(f"{a:{widths[0]}}  {b:{widths[1]}}  {c:>8}  {d:>8}" for a, b, c, d in cells)


def _rois(path: Path) -> dict[str, bool]:
    """Name to whether it is drawn; of two of one name, whether either is."""
    tags = ["SOPClassUID", "Modality", "StructureSetROISequence", "ROIContourSequence"]
    with file_border(path, "RTSTRUCT"):
        header = read_dicom(path, tags, "RTSTRUCT")
        if header.get("SOPClassUID") != RTStructureSetStorage:
            raise InputError(f"{path}: is {header.get('Modality', 'no DICOM')}, expected a structure set (RTSTRUCT).")
        if "ROIContourSequence" not in header:  # an empty one is there in a set that was not contoured
            raise damaged_file(path, "it ends before its contours", "RTSTRUCT")
        drawn = {
            int(item.ReferencedROINumber)
            for item in header.get("ROIContourSequence") or []
            if item.get("ContourSequence")
        }
        found: dict[str, bool] = {}
        for roi in header.get("StructureSetROISequence") or []:
            name = str(roi.get("ROIName") or "").strip()
            found[name] = found.get(name, False) or int(roi.ROINumber) in drawn
        return found


def _label(name: str, roi_map: Mapping[str, Sequence[str]]) -> str:
    return next(iter(match_rois([name], roi_map)), "")
