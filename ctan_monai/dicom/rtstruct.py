# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Structures (RTSTRUCT): their contours, checked, as points in the patient's space."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.config import disable_value_validation
from pydicom.uid import RTStructureSetStorage

from ctan_monai.imaging.geometry import FARTHEST_MM, flip_lps
from ctan_monai.utils.errors import InputError

from .read_file import damaged_file, file_border, read_dicom

__all__ = ["Structure", "frames_of_reference", "read_structures"]

EXCLUSIVE = "CLOSEDPLANAR_XOR"
CLOSED = ("CLOSED_PLANAR", EXCLUSIVE)  # outlines that hold an area; points and open lines hold none
TAKEN_AS_CLOSED = ("INTERPOLATED_PLANAR", "")  # outside the standard, but OsiriX and others write closed contours so


@dataclass(frozen=True)
class Structure:
    """One region of interest.

    Attributes:
        name: ROIName, without spaces around it.
        contours: closed outlines, each (N, 3) with N >= 3, in mm, RAS.
        exclusive: whether outlines in one plane combine by exclusive or (CLOSEDPLANAR_XOR).
        notes: on contours that were left out, or not read as their type says.
        damaged: what is wrong with a contour; the structure cannot be used, the others can.
    """

    name: str
    contours: list[np.ndarray] = field(default_factory=list)
    exclusive: bool = False
    notes: list[str] = field(default_factory=list)
    damaged: str = ""

    @property
    def is_drawn(self) -> bool:
        """Whether it has contours, if only damaged ones: planning systems' templates leave empty structures."""
        return bool(self.contours or self.damaged)


def read_structures(path: Path | str, frame_uid: str) -> list[Structure]:
    """Reads a structure set.

    Args:
        path: the RTSTRUCT file.
        frame_uid: FrameOfReferenceUID of the CT that the structures belong to.

    Returns:
        its structures in the file's order, also those without contours. One in another frame of reference is without
        contours, too; its notes say so.

    Raises:
        InputError: the file is damaged or no RTSTRUCT, has no structure, or lies in another frame of reference.
    """
    # INTERPOLATED_PLANAR is longer than a code string may be
    with file_border(path, "RTSTRUCT"), disable_value_validation():
        dataset = read_dicom(path, kind="RTSTRUCT")
        if dataset.get("SOPClassUID") != RTStructureSetStorage:
            raise InputError(f"{path}: is {dataset.get('Modality', 'no DICOM')}, expected a structure set (RTSTRUCT).")
        rois = list(dataset.get("StructureSetROISequence") or [])
        if not rois:
            raise InputError(f"{path}: the structure set holds no structure. Export the one with the contours.")
        if "ROIContourSequence" not in dataset:  # an empty one is there in a set that was not contoured
            raise damaged_file(path, "it ends before its contours", "RTSTRUCT")
        frames = [_frame(dataset, roi) or frame_uid for roi in rois] if _frames(dataset) else [""]
        if frame_uid not in frames:
            found = ", ".join(sorted(_frames(dataset))) or "none"
            raise InputError(
                f"{path}: its structures lie in the frame of reference {found}, the CT in {frame_uid}; expected one "
                "frame of reference. Export the structures that were drawn on this CT."
            )
        contours: dict[int, list[Dataset]] = {}
        for item in dataset.ROIContourSequence or []:
            contours.setdefault(int(item.ReferencedROINumber), []).extend(item.get("ContourSequence") or [])
        return [
            _structure(path, roi, contours.get(int(roi.ROINumber), []))
            if frame == frame_uid
            else _elsewhere(roi, frame, bool(contours.get(int(roi.ROINumber))))
            for roi, frame in zip(rois, frames, strict=True)
        ]


def frames_of_reference(path: Path | str) -> set[str]:
    """FrameOfReferenceUIDs of a structure set's structures; its contours are not read.

    Raises:
        InputError: the file is damaged.
    """
    tags = ["StructureSetROISequence", "ReferencedFrameOfReferenceSequence"]
    with file_border(path, "RTSTRUCT"):
        return _frames(read_dicom(path, tags, "RTSTRUCT"))


def _frames(dataset: Dataset) -> set[str]:
    rois = dataset.get("StructureSetROISequence") or []
    frames = {str(roi.ReferencedFrameOfReferenceUID) for roi in rois if roi.get("ReferencedFrameOfReferenceUID")}
    return frames or {str(i.FrameOfReferenceUID) for i in dataset.get("ReferencedFrameOfReferenceSequence") or []}


def _frame(dataset: Dataset, roi: Dataset) -> str:
    """FrameOfReferenceUID of a structure; empty where neither it nor the structure set tells one."""
    if roi.get("ReferencedFrameOfReferenceUID"):
        return str(roi.ReferencedFrameOfReferenceUID)
    named = {str(i.FrameOfReferenceUID) for i in dataset.get("ReferencedFrameOfReferenceSequence") or []}
    return named.pop() if len(named) == 1 else ""


def _elsewhere(roi: Dataset, frame: str, is_drawn: bool) -> Structure:
    name = str(roi.get("ROIName", "")).strip()
    return Structure(name, notes=[f"'{name}' lies in another frame of reference ({frame})"] if is_drawn else [])


def _structure(path: Path | str, roi: Dataset, contours: list[Dataset]) -> Structure:
    """A structure; what is wrong with its contours is of it alone."""
    try:
        with file_border(path, "RTSTRUCT"):
            return _read_contours(path, roi, contours)
    except InputError as error:
        return Structure(str(roi.get("ROIName", "")).strip(), damaged=str(error))


def _read_contours(path: Path | str, roi: Dataset, contours: list[Dataset]) -> Structure:
    name = str(roi.get("ROIName", "")).strip()
    outlines, used, short = [], Counter[str](), 0
    left_out, taken = Counter[str](), Counter[str]()
    for contour in contours:
        kind = str(contour.get("ContourGeometricType") or "").strip()
        if kind not in CLOSED + TAKEN_AS_CLOSED:
            left_out[kind] += 1
            continue
        try:
            points = np.asarray(contour.ContourData, dtype=float).reshape(-1, 3)
            if not (np.abs(points) < FARTHEST_MM).all():  # also where one is NaN
                raise ValueError
        except (AttributeError, TypeError, ValueError) as error:
            raise InputError(
                f"{path}: a contour of ROI {roi.ROINumber} is damaged: expected x, y, z of each point in mm. "
                "Export the structure set again."
            ) from error
        if len(points) < 3:
            short += 1
            continue
        outlines.append(flip_lps(points))
        used[kind] += 1
        taken[kind] += kind in TAKEN_AS_CLOSED
    notes = [f"{n} contours of type {kind}, which are left out: they hold no area" for kind, n in left_out.items()]
    if short:
        notes.append(f"{short} contours of fewer than 3 points, which are left out")
    notes += [
        f"{n} contours {f'of type {kind}' if kind else 'without a type'}, read as closed"
        for kind, n in (+taken).items()
    ]
    if 0 < used[EXCLUSIVE] < len(outlines):
        notes.append(
            f"{EXCLUSIVE} contours beside {len(outlines) - used[EXCLUSIVE]} others; all combine by exclusive or"
        )
    return Structure(name, outlines, used[EXCLUSIVE] > 0, [f"'{name}' has {note}" for note in notes])
