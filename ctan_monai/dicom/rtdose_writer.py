# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A dose beside a CT series, as RTDOSE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nibabel.affines import voxel_sizes
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform
from pydicom import Dataset
from pydicom.uid import RTDoseStorage, RTPlanStorage, generate_uid

from ctan_monai.imaging.geometry import LPS_TO_RAS

from .equipment import PHANTOM, Maker
from .read_file import read_dicom
from .reference_series import DicomSource
from .write_object import image_reference, new_object, save_object

__all__ = ["write_rtdose"]

FRAME_OFFSETS = 0x3004000C  # the tag that frames are counted by
NO_PLAN = "No plan exists: the plan referred to is a placeholder."


def write_rtdose(
    path: Path | str,
    source: DicomSource,
    gray: np.ndarray,
    affine: np.ndarray,
    maker: Maker = PHANTOM,
    warning: str = "",
    absolute_offsets: bool = False,
    plan_uid: str | None = None,
    beam: int | None = None,
    structures: Path | str | None = None,
    bits: int = 32,
) -> None:
    """Writes a dose in Gy, with the patient's axes: columns to the left, rows to the back, frames to the head.

    A grid with other axes, such as that of a feet-first CT, is written with its voxels in this order, at the same
    places: the form that all readers understand alike. Negative values become 0, for the pixels are unsigned. They
    use all their bits: the largest dose is the largest number.

    Args:
        path: the file.
        source: the CT.
        gray: Gy, (x, y, z).
        affine: (4, 4) index to RAS mm.
        maker: for the headers.
        warning: what a user of the dose must know, for its comment.
        absolute_offsets: whether GridFrameOffsetVector holds the frames' z, or offsets from the first frame.
        plan_uid: SOPInstanceUID of the plan; None: a new one, as a plan's dose must refer to a plan, and a comment that
            there is none.
        beam: number of the beam whose dose this is; None: the whole plan's.
        structures: the structure set (RTSTRUCT) whose targets the dose was made for.
        bits: of a voxel, 16 or 32.

    Raises:
        OSError: the file cannot be written.
    """
    gray, affine = _axial(np.asarray(gray), affine)
    dataset = new_object(source, RTDoseStorage, "RTDOSE", maker, 9002)
    _set_grid(dataset, gray.shape, affine, absolute_offsets)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits, bits - 1, 0
    dataset.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    dataset.ImageComments = f"{maker.comment} {warning}".strip()[:1024]
    dataset.ReferencedImageSequence = [image_reference(image) for image in source.slices]
    dataset.DoseUnits, dataset.DoseType = "GY", "PHYSICAL"
    dataset.DoseSummationType = "PLAN" if beam is None else "BEAM"
    plan = Dataset()
    plan.ReferencedSOPClassUID, plan.ReferencedSOPInstanceUID = RTPlanStorage, plan_uid or generate_uid(prefix=None)
    if plan_uid is None:
        dataset.DoseComment = NO_PLAN
    if beam is not None:
        group, item = Dataset(), Dataset()
        item.ReferencedBeamNumber = beam
        group.ReferencedFractionGroupNumber, group.ReferencedBeamSequence = 1, [item]
        plan.ReferencedFractionGroupSequence = [group]
    dataset.ReferencedRTPlanSequence = [plan]
    if structures is not None:
        header = read_dicom(structures, ["SOPClassUID", "SOPInstanceUID"], "RTSTRUCT")
        dataset.ReferencedStructureSetSequence = [image_reference(header)]
    largest = 2**bits - 1
    positive = np.maximum(gray, 0).astype(float)
    dataset.DoseGridScaling = f"{(positive.max() or 1.0) / largest:.10e}"  # 16 characters
    stored = np.rint(positive / float(dataset.DoseGridScaling)).clip(0, largest)
    dataset.PixelData = stored.astype(f"<u{bits // 8}").transpose(2, 1, 0).tobytes()
    dataset["PixelData"].VR = "OW"
    save_object(path, dataset, source)


def _axial(gray: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same voxels in the order left, back, head."""
    order = ornt_transform(io_orientation(affine), axcodes2ornt("LPS"))
    return apply_orientation(gray, order), affine @ inv_ornt_aff(order, gray.shape)


def _set_grid(dataset: Dataset, shape: tuple[int, ...], affine: np.ndarray, absolute_offsets: bool) -> None:
    lps = LPS_TO_RAS @ affine
    spacing = voxel_sizes(lps)
    cosines = lps[:3, :2] / spacing[:2] + 0.0  # no -0
    dataset.ImagePositionPatient = [f"{v:.8g}" for v in lps[:3, 3]]
    dataset.ImageOrientationPatient = [f"{v:.8g}" for v in cosines.T.ravel()]
    dataset.PixelSpacing = [f"{spacing[1]:.8g}", f"{spacing[0]:.8g}"]  # between rows, between columns
    dataset.SliceThickness = f"{spacing[2]:.8g}"
    dataset.Columns, dataset.Rows, dataset.NumberOfFrames = shape
    dataset.FrameIncrementPointer = FRAME_OFFSETS
    start = lps[2, 3] if absolute_offsets else 0.0
    dataset.GridFrameOffsetVector = [f"{start + k * spacing[2]:.8g}" for k in range(shape[2])]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
