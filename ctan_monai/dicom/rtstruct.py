# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Structures (RTSTRUCT): their contours, checked, as points in the patient's space."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.uid import RTStructureSetStorage

from ctan_monai.errors import InputError

__all__ = ["Structure", "read_structures"]

CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")  # outlines that hold an area; points and open lines hold none


@dataclass(frozen=True)
class Structure:
    """One region of interest.

    Attributes:
        name: ROIName, without spaces around it.
        contours: closed outlines, each (N, 3) with N >= 3, in mm, RAS. Outlines in one plane combine by even-odd.
    """

    name: str
    contours: list[np.ndarray] = field(default_factory=list)


def read_structures(path: Path | str, frame_uid: str) -> list[Structure]:
    """Reads a structure set.

    Args:
        path: the RTSTRUCT file.
        frame_uid: FrameOfReferenceUID of the CT that the structures belong to.

    Returns:
        its structures in the file's order, also those without contours.

    Raises:
        InputError: the file is damaged or no RTSTRUCT, has no structure, or lies in another frame of reference.
    """
    try:
        dataset = pydicom.dcmread(path)
    except Exception as error:  # pydicom raises many kinds of errors on damaged files
        raise InputError(f"{path}: the RTSTRUCT file is damaged: {error}. Export or copy it again.") from error
    if dataset.get("SOPClassUID") != RTStructureSetStorage:
        raise InputError(f"{path}: is {dataset.get('Modality', 'no DICOM')}, expected a structure set (RTSTRUCT).")
    rois = list(dataset.get("StructureSetROISequence") or [])
    if not rois:
        raise InputError(f"{path}: the structure set holds no structure. Export the one with the contours.")
    _check_frame(path, dataset, rois, frame_uid)
    contours = {
        int(item.ReferencedROINumber): _outlines(path, item) for item in dataset.get("ROIContourSequence") or []
    }
    return [Structure(str(roi.get("ROIName", "")).strip(), contours.get(int(roi.ROINumber), [])) for roi in rois]


def _check_frame(path: Path | str, dataset: Dataset, rois: list[Dataset], frame_uid: str) -> None:
    frames = {str(roi.ReferencedFrameOfReferenceUID) for roi in rois if roi.get("ReferencedFrameOfReferenceUID")}
    frames |= {
        str(i.FrameOfReferenceUID) for i in dataset.get("ReferencedFrameOfReferenceSequence") or [] if not frames
    }
    if frames != {frame_uid}:
        found = ", ".join(sorted(frames)) or "none"
        raise InputError(
            f"{path}: its structures lie in the frame of reference {found}, the CT in {frame_uid}; expected one frame "
            "of reference. Export the structures that were drawn on this CT."
        )


def _outlines(path: Path | str, item: Dataset) -> list[np.ndarray]:
    outlines = []
    for contour in item.get("ContourSequence") or []:
        if contour.get("ContourGeometricType") not in CLOSED:
            continue
        try:
            points = np.asarray(contour.ContourData, dtype=float).reshape(-1, 3)
        except (AttributeError, TypeError, ValueError) as error:
            raise InputError(
                f"{path}: a contour of ROI {item.ReferencedROINumber} is damaged: expected x, y, z of each point. "
                "Export the structure set again."
            ) from error
        if len(points) >= 3:
            outlines.append(points * [-1.0, -1.0, 1.0])  # DICOM is LPS, here it is RAS
    return outlines
