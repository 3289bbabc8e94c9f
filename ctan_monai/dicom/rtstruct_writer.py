# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Structures beside a CT series, as RTSTRUCT.

Why not rt-utils, which writes structure sets too:

- Its outlines run through the centers of a structure's outermost voxels, so the structure loses half a voxel on all
  sides: a CTV of 14.8 cc in 3 mm voxels becomes 10.6 cc to dicompyler. Parts of one voxel's width lose their area.
- It cuts a keyhole two voxels wide, and exchanges the two pixel spacings, which are not always equal.
- It reads every DICOM file below the folder, with pixels, other series among them, and signs as another maker.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.uid import UID, RTStructureSetStorage

from ctan_monai.imaging.geometry import flip_lps

from .equipment import PHANTOM, Maker
from .reference_series import DicomSource
from .snomed_codes import structure_color
from .write_object import image_reference, new_object, save_object

__all__ = ["write_rtstruct"]

STUDY_COMPONENT = UID("1.2.840.10008.3.1.2.3.1")  # retired, but what the standard's RT module still refers to
TARGETS = ("CTV", "PTV", "GTV")


def write_rtstruct(
    path: Path | str,
    source: DicomSource,
    outlines: Mapping[str, Sequence[np.ndarray]],
    maker: Maker = PHANTOM,
    warning: str = "",
    numbers: Mapping[str, int] | None = None,
    names: Mapping[str, str] | None = None,
) -> None:
    """Writes a structure set, unapproved, on the CT's slices.

    Args:
        path: the file.
        source: the CT.
        outlines: structure's name to its closed outlines in RAS mm, of :py:func:`ctan_monai.dicom.mask_outlines`; may
            be empty.
        maker: for the headers.
        warning: what a user of the structures must know, for their description.
        numbers: structure's name to its ROINumber, from 1; None: as they come.
        names: structure's name to its ROIName; None: the same.

    Raises:
        OSError: the file cannot be written.
    """
    dataset = new_object(source, RTStructureSetStorage, "RTSTRUCT", maker, 9001)
    now = datetime.datetime.now()
    dataset.StructureSetLabel = maker.label
    dataset.StructureSetDescription = f"{maker.comment} {warning}".strip()[:1024]
    dataset.StructureSetDate, dataset.StructureSetTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    dataset.ApprovalStatus = "UNAPPROVED"
    dataset.ReferencedFrameOfReferenceSequence = [_frame_of_reference(source)]
    dataset.StructureSetROISequence, dataset.ROIContourSequence, dataset.RTROIObservationsSequence = [], [], []
    for position, (name, lines) in enumerate(outlines.items(), start=1):
        number = numbers[name] if numbers is not None else position
        roi, item, observation = Dataset(), Dataset(), Dataset()
        shown = names[name] if names is not None else name
        roi.ROINumber, roi.ROIName = number, f"{maker.prefix}{shown}"[:64]
        roi.ReferencedFrameOfReferenceUID = dataset.FrameOfReferenceUID
        roi.ROIDescription, roi.ROIGenerationAlgorithm = maker.comment, "AUTOMATIC"
        item.ReferencedROINumber, item.ROIDisplayColor = number, list(structure_color(name, number))
        if lines:
            item.ContourSequence = _contours(source, lines)
        observation.ObservationNumber = observation.ReferencedROINumber = number
        target = name[:3].upper()
        observation.RTROIInterpretedType = target if target in TARGETS else "ORGAN"
        observation.ROIInterpreter = ""
        dataset.StructureSetROISequence.append(roi)
        dataset.ROIContourSequence.append(item)
        dataset.RTROIObservationsSequence.append(observation)
    save_object(path, dataset, source)


def _frame_of_reference(source: DicomSource) -> Dataset:
    series, study, frame = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = source.slices[0].SeriesInstanceUID
    series.ContourImageSequence = [image_reference(image) for image in source.slices]
    study.ReferencedSOPClassUID = STUDY_COMPONENT
    study.ReferencedSOPInstanceUID = source.slices[0].StudyInstanceUID
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID = source.slices[0].FrameOfReferenceUID
    frame.RTReferencedStudySequence = [study]
    return frame


def _contours(source: DicomSource, lines: Sequence[np.ndarray]) -> list[Dataset]:
    """Contours with a reference to the slice that each is drawn in."""
    to_index = np.linalg.inv(source.affine)
    contours = []
    for number, line in enumerate(lines, start=1):
        contour = Dataset()
        k = round(float((line @ to_index[2, :3] + to_index[2, 3]).mean()))
        if 0 <= k < len(source.slices):
            contour.ContourImageSequence = [image_reference(source.slices[k])]
        contour.ContourNumber = number
        contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", len(line)
        # 0.1 micrometres, in the 16 characters that DICOM has for a number
        contour.ContourData = [f"{v:.4f}" for v in flip_lps(line).ravel()]
        contours.append(contour)
    return contours
