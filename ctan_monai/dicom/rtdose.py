# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Dose (RTDOSE): the dose of one plan in Gy on its own grid, and on the grid of a CT."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nibabel.affines import voxel_sizes
from pydicom import Dataset
from pydicom.uid import RTDoseStorage
from scipy import ndimage

from ctan_monai.imaging.geometry import LPS_TO_RAS, check_axes, flip_lps
from ctan_monai.utils.errors import InputError
from ctan_monai.utils.limits import MOST_GY, check_volume_size

from .read_file import file_border, read_dicom

__all__ = ["DoseGrid", "dose_in_patient_axes", "read_dose", "resample_dose"]

SAME_MM = 0.01
ROUNDED_MM = 0.06  # positions are often rounded to 0.1 mm, each by up to 0.05
EDGE = 1e-3  # voxels beyond the outermost centers that still belong to the dose grid: rounding of positions


@dataclass(frozen=True)
class DoseGrid:
    """A dose.

    Attributes:
        gray: float64 Gy, (x, y, z): columns, rows, frames.
        affine: (4, 4) index to RAS mm.
    """

    gray: np.ndarray
    affine: np.ndarray


def read_dose(path: Path | str, frame_uid: str) -> DoseGrid:
    """Reads one RTDOSE file, whatever part of a plan it holds; :py:func:`ctan_monai.dicom.plan_dose` chooses files.

    Args:
        path: the file.
        frame_uid: FrameOfReferenceUID of the CT.

    Raises:
        InputError: the file is damaged or no RTDOSE; another frame of reference; not in Gy; no DoseGridScaling; frames
            that are not a regular volume.
    """
    with file_border(path, "RTDOSE"):
        return _read(path, frame_uid)


def _read(path: Path | str, frame_uid: str) -> DoseGrid:
    dataset = read_dicom(path, kind="RTDOSE")
    frames = [int(dataset.get(tag) or 1) for tag in ("Columns", "Rows", "NumberOfFrames")]
    check_volume_size(frames, int(dataset.get("BitsAllocated") or 16) // 8, str(path))
    stored = dataset.pixel_array if dataset.get("SOPClassUID") == RTDoseStorage else None
    if stored is None:
        raise InputError(f"{path}: is {dataset.get('Modality', 'no DICOM')}, expected a dose (RTDOSE).")
    if dataset.get("FrameOfReferenceUID") != frame_uid:
        raise InputError(
            f"{path}: the dose lies in the frame of reference {dataset.get('FrameOfReferenceUID')}, the CT in "
            f"{frame_uid}; expected one frame of reference. Export the dose that was planned on this CT."
        )
    units = dataset.get("DoseUnits")
    if units != "GY":
        raise InputError(
            f"{path}: DoseUnits is {units}, expected GY. Export the absolute dose; a relative one has no Gy."
        )
    if dataset.get("DoseType") == "ERROR":
        raise InputError(f"{path}: DoseType is ERROR, the difference of two doses; expected a dose. Export the plan's.")
    scaling = dataset.get("DoseGridScaling")
    if scaling is None or not 0 < float(scaling) < np.inf:
        raise InputError(f"{path}: DoseGridScaling is {scaling}, expected Gy per stored value. Export the dose again.")
    if stored.max() * float(scaling) > MOST_GY:
        raise InputError(
            f"{path}: holds values up to {stored.max() * float(scaling):g} Gy, expected at most {MOST_GY:,}; its "
            f"DoseGridScaling is {scaling}. Export the dose again."
        )
    if stored.min() < 0:
        raise InputError(
            f"{path}: holds values down to {stored.min() * float(scaling):g} Gy, expected a dose from 0. Export the "
            "plan's dose; a difference of two is none."
        )
    if stored.ndim != 3:
        raise InputError(f"{path}: holds one plane of dose, expected a volume of several frames in one file.")
    return DoseGrid(stored.transpose(2, 1, 0) * float(scaling), _affine(path, dataset, len(stored)))


def _affine(path: Path | str, dataset: Dataset, frames: int) -> np.ndarray:
    """Affine to RAS mm, from GridFrameOffsetVector in either of its two forms (DICOM PS3.3 C.8.8.3.2)."""
    missing = [
        tag
        for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "GridFrameOffsetVector")
        if not dataset.get(tag)
    ]
    if missing:
        raise InputError(f"{path}: the dose has no {', '.join(missing)}, so its place is unknown. Export it again.")
    position = np.asarray(dataset.ImagePositionPatient, dtype=float)
    row, column = np.asarray(dataset.ImageOrientationPatient, dtype=float).reshape(2, 3)
    row_spacing, column_spacing = (float(v) for v in dataset.PixelSpacing)
    offsets = np.asarray(dataset.GridFrameOffsetVector, dtype=float)
    if len(offsets) != frames:
        raise InputError(f"{path}: GridFrameOffsetVector has {len(offsets)} values for {frames} frames of dose.")
    if abs(offsets[0]) < SAME_MM:  # relative: mm along the frames' normal
        direction = np.cross(row, column)
    elif abs(offsets[0] - position[2]) < ROUNDED_MM:  # absolute: the frames' z in the patient
        direction = np.array([0.0, 0.0, 1.0])
    else:
        raise InputError(
            f"{path}: GridFrameOffsetVector begins with {offsets[0]:g}; expected 0 (offsets from the first frame) or "
            f"{position[2]:g}, the z of ImagePositionPatient (places of the frames). Export the dose again."
        )
    steps = np.diff(offsets)
    even = np.linspace(offsets[0], offsets[-1], frames)
    if abs(steps.mean()) < SAME_MM or np.abs(offsets - even).max() > min(2 * ROUNDED_MM, abs(steps.mean()) / 10):
        raise InputError(
            f"{path}: the frames of the dose lie {np.abs(steps).min():g} to {np.abs(steps).max():g} mm apart; expected "
            "even spacing. Export the dose on a regular grid."
        )
    affine = np.eye(4)
    affine[:3, 0] = row * column_spacing
    affine[:3, 1] = column * row_spacing
    affine[:3, 2] = direction * steps.mean()
    affine[:3, 3] = position
    affine = LPS_TO_RAS @ affine
    check_axes(affine, str(path))
    return affine


def dose_in_patient_axes(gray: np.ndarray, affine: np.ndarray, spacing: float = 0) -> DoseGrid:
    """A dose on a regular grid along the patient's axes, as planning systems have it.

    The grid covers the centers of all voxels; its outermost ones may lie up to ``spacing`` beyond, with the dose of the
    nearest voxel.

    Args:
        gray: Gy, (x, y, z).
        affine: (4, 4) index to RAS mm.
        spacing: mm along each axis. 0: the dose's own, and where its axes are the patient's, its own grid.

    Returns:
        float32 Gy; columns to the left, rows to the back, frames to the head.
    """
    own = voxel_sizes(affine)
    axes = affine[:3, :3] / own
    along = np.abs(axes).argmax(axis=0)  # the patient's axis of each of the dose's
    if not spacing and np.abs(axes).max(axis=0).min() > 1 - 1e-7:
        return DoseGrid(gray, affine)
    steps = np.full(3, float(spacing)) if spacing else own[np.argsort(along)]
    corners = np.stack(np.meshgrid(*[(0, size - 1) for size in gray.shape], indexing="ij"), -1).reshape(-1, 3)
    places = flip_lps(corners @ affine[:3, :3].T + affine[:3, 3])
    shape = np.ceil(np.ptp(places, axis=0) / steps - EDGE).astype(int) + 1
    first = (places.min(axis=0) + places.max(axis=0) - (shape - 1) * steps) / 2
    grid = LPS_TO_RAS @ np.array(
        [[steps[0], 0, 0, first[0]], [0, steps[1], 0, first[1]], [0, 0, steps[2], first[2]], [0, 0, 0, 1]]
    )
    margin = np.ceil(steps.max() / own).astype(int)  # the nearest voxel's dose around the outermost centers
    edge = affine.copy()
    edge[:3, 3] -= affine[:3, :3] @ margin
    padded = DoseGrid(np.pad(gray, [(n, n) for n in margin], mode="edge"), edge)
    return DoseGrid(resample_dose(padded, grid, tuple(shape.tolist())), grid)


def resample_dose(dose: DoseGrid, affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """A dose on another grid: linear between the centers of its voxels, 0 beyond the outermost of them.

    Args:
        dose: on its own grid.
        affine: (4, 4) of the other grid, index to RAS mm.
        shape: of the other grid.

    Returns:
        float32 Gy of that shape.
    """
    transform = np.linalg.inv(dose.affine) @ affine
    last = np.asarray(dose.gray.shape, dtype=float)[:, None] - 1
    gray = dose.gray.astype(np.float32)
    plane = np.indices(shape[:2], dtype=float).reshape(2, -1)
    in_plane = transform[:3, :2] @ plane + transform[:3, 3:]
    result = np.zeros(shape, np.float32)
    for k in range(shape[2]):  # slice by slice, so that the memory stays that of one
        index = in_plane + k * transform[:3, 2:3]
        inside = ((index >= -EDGE) & (index <= last + EDGE)).all(axis=0)
        values = np.zeros(inside.shape, np.float32)
        values[inside] = ndimage.map_coordinates(gray, np.clip(index[:, inside], 0, last), order=1, mode="nearest")
        result[:, :, k] = values.reshape(shape[:2])
    return result
