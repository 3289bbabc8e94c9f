# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Structures and a dose beside a CT series, as RTSTRUCT and RTDOSE: for phantoms and tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import contourpy
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, RTDoseStorage, RTPlanStorage, RTStructureSetStorage, generate_uid

from ctan_monai.dicom.save import save_dicom

__all__ = ["mask_outlines", "write_rtdose", "write_rtstruct"]


def mask_outlines(mask: np.ndarray, affine: np.ndarray) -> list[np.ndarray]:
    """Outlines of a mask's slices, halfway between its voxels and the others; holes are outlines of their own.

    Args:
        mask: bool (x, y, z).
        affine: (4, 4) index to RAS mm.

    Returns:
        closed outlines, each (N, 3) in RAS mm.
    """
    outlines = []
    for k in np.flatnonzero(mask.any(axis=(0, 1))):
        padded = np.pad(mask[:, :, k], 1).astype(float)
        for line in contourpy.contour_generator(z=padded.T).lines(0.5):
            assert isinstance(line, np.ndarray)  # of the default line type
            index = np.column_stack([line[:-1] - 1, np.full(len(line) - 1, k)])
            outlines.append(index @ affine[:3, :3].T + affine[:3, 3])
    return outlines


def write_rtstruct(path: Path | str, ct_file: Path, outlines: Mapping[str, list[np.ndarray]]) -> None:
    """Writes a structure set with the names and outlines given.

    Args:
        path: the file.
        ct_file: a slice of the CT, for patient, study and frame of reference.
        outlines: structure's name to its closed outlines in RAS mm; may be empty.
    """
    dataset = _beside(ct_file, RTStructureSetStorage, "RTSTRUCT")
    frame = pydicom.dcmread(ct_file, stop_before_pixels=True).FrameOfReferenceUID
    dataset.StructureSetLabel, dataset.StructureSetDate, dataset.StructureSetTime = "phantom", dataset.StudyDate, ""
    reference = Dataset()
    reference.FrameOfReferenceUID = frame
    dataset.ReferencedFrameOfReferenceSequence = [reference]
    dataset.StructureSetROISequence, dataset.ROIContourSequence, dataset.RTROIObservationsSequence = [], [], []
    for number, (name, lines) in enumerate(outlines.items(), start=1):
        roi, item, observation = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, frame
        roi.ROIGenerationAlgorithm = "AUTOMATIC"
        item.ReferencedROINumber, item.ContourSequence = number, []
        for line in lines:
            contour = Dataset()
            contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", len(line)
            contour.ContourData = [f"{v:.6g}" for v in (line * [-1.0, -1.0, 1.0]).ravel()]
            item.ContourSequence.append(contour)
        observation.ObservationNumber = observation.ReferencedROINumber = number
        observation.RTROIInterpretedType, observation.ROIInterpreter = "", ""
        dataset.StructureSetROISequence.append(roi)
        dataset.ROIContourSequence.append(item)
        dataset.RTROIObservationsSequence.append(observation)
    save_dicom(dataset, path)


def write_rtdose(
    path: Path | str,
    ct_file: Path,
    gray: np.ndarray,
    affine: np.ndarray,
    absolute_offsets: bool = False,
    plan_uid: str | None = None,
    beam: int | None = None,
) -> None:
    """Writes a dose on an axial grid.

    Args:
        path: the file.
        ct_file: a slice of the CT, for patient, study and frame of reference.
        gray: Gy, (x, y, z), not negative.
        affine: (4, 4) index to RAS mm; x grows to the patient's left, y to the back, z to the head.
        absolute_offsets: whether GridFrameOffsetVector holds the frames' z, or offsets from the first frame.
        plan_uid: SOPInstanceUID of the plan; None: a new one.
        beam: number of the beam whose dose this is; None: the whole plan's.
    """
    dataset = _beside(ct_file, RTDoseStorage, "RTDOSE")
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.diag(lps)[:3]
    dataset.FrameOfReferenceUID = pydicom.dcmread(ct_file, stop_before_pixels=True).FrameOfReferenceUID
    dataset.ImagePositionPatient = [f"{v:.8g}" for v in lps[:3, 3]]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [f"{spacing[1]:.8g}", f"{spacing[0]:.8g}"]
    dataset.Columns, dataset.Rows, dataset.NumberOfFrames = gray.shape
    dataset.FrameIncrementPointer = 0x3004000C
    start = lps[2, 3] if absolute_offsets else 0.0
    dataset.GridFrameOffsetVector = [f"{start + k * spacing[2]:.8g}" for k in range(gray.shape[2])]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 32, 32, 31, 0
    dataset.DoseUnits, dataset.DoseType = "GY", "PHYSICAL"
    dataset.DoseSummationType = "PLAN" if beam is None else "BEAM"
    plan = Dataset()
    plan.ReferencedSOPClassUID, plan.ReferencedSOPInstanceUID = RTPlanStorage, plan_uid or generate_uid(prefix=None)
    if beam is not None:
        group, item = Dataset(), Dataset()
        item.ReferencedBeamNumber = beam
        group.ReferencedFractionGroupNumber, group.ReferencedBeamSequence = 1, [item]
        plan.ReferencedFractionGroupSequence = [group]
    dataset.ReferencedRTPlanSequence = [plan]
    scaling = float(f"{max(float(gray.max()), 1.0) / 1e8:.8e}")
    dataset.DoseGridScaling = f"{scaling:.8e}"
    dataset.PixelData = np.rint(gray / scaling).astype("<u4").transpose(2, 1, 0).tobytes()
    save_dicom(dataset, path)


def _beside(ct_file: Path, sop_class: UID, modality: str) -> Dataset:
    """A new object of the CT's patient and study."""
    ct = pydicom.dcmread(ct_file, stop_before_pixels=True)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid(prefix=None)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID"):
        setattr(dataset, keyword, ct.get(keyword, ""))
    dataset.PatientBirthDate = dataset.PatientSex = dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.Modality, dataset.Manufacturer, dataset.PositionReferenceIndicator = modality, "synthetic", ""
    dataset.SeriesInstanceUID, dataset.SeriesNumber, dataset.InstanceNumber = generate_uid(prefix=None), 2, 1
    return dataset
