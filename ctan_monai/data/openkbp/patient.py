# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""OpenKBP patients in the challenge's own files: one folder a patient, one sparse CSV a quantity.

Babier et al., "OpenKBP: The open-access knowledge-based planning grand challenge and dataset", Medical Physics 48(9),
5549-5561, 2021. Arrays here have the official axes (y, x, z), all of 128 voxels: y grows to the patient's posterior, x
to the patient's left, z to the patient's feet. :func:`to_lps` turns them into this project's own axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import write_atomic
from ctan_monai.utils.limits import MOST_GY, MOST_HU

from .sparse_csv import read_sparse_csv, read_sparse_mask, write_sparse_csv

__all__ = [
    "HU_OFFSET",
    "OARS",
    "PRESCRIBED_GY",
    "PTVS",
    "REQUIRED_FILES",
    "SEGMENTATION_ORGANS",
    "SHAPE",
    "SPLIT_FOLDERS",
    "STRUCTURES",
    "OpenKBPPatient",
    "check_end",
    "from_lps",
    "lps_affine",
    "read_dose_csv",
    "read_patient",
    "to_lps",
    "write_dose_csv",
    "write_patient",
]

SHAPE = (128, 128, 128)
HU_OFFSET = 1024  # the CSV holds HU + 1024
OARS = ("Brainstem", "SpinalCord", "RightParotid", "LeftParotid", "Esophagus", "Larynx", "Mandible")
PTVS = ("PTV56", "PTV63", "PTV70")
PRESCRIBED_GY = {"PTV56": 56, "PTV63": 63, "PTV70": 70}
STRUCTURES = OARS + PTVS
SPLIT_FOLDERS = {"training": "train-pats", "validation": "validation-pats", "test": "test-pats"}
REQUIRED_FILES = ("ct.csv", "dose.csv", "possible_dose_mask.csv", "voxel_dimensions.csv")
# The paper's four organs, in label order 1..4: our names and the official ones.
SEGMENTATION_ORGANS = {
    "brainstem": "Brainstem",
    "spinal_cord": "SpinalCord",
    "right_parotid": "RightParotid",
    "left_parotid": "LeftParotid",
}


@dataclass
class OpenKBPPatient:
    """One patient, arrays of shape (128, 128, 128) in the official axes (y, x, z).

    Attributes:
        ct: int32, HU + 1024 as the file has it (not clipped; voxels that the file lacks are 0, i.e. -1024 HU).
        dose: float64, Gy.
        possible_dose_mask: bool, where the plan can put dose.
        spacing: voxel sizes along (y, x, z) in mm.
        structures: bool masks of the structures that were contoured, by official name.
    """

    ct: np.ndarray
    dose: np.ndarray
    possible_dose_mask: np.ndarray
    spacing: tuple[float, float, float]
    structures: dict[str, np.ndarray] = field(default_factory=dict)


def read_patient(folder: Path | str) -> OpenKBPPatient:
    """Reads one patient's folder (``pt_N``).

    Raises:
        DataError: CT, dose, possible-dose mask or voxel sizes are missing, or a file is damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder, expected a patient's folder pt_N with ct.csv in it.")
    missing = [name for name in REQUIRED_FILES if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{folder}: lacks {', '.join(missing)}. Copy the patient from the release again.")
    indices, values = read_sparse_csv(folder / "ct.csv", int(np.prod(SHAPE)))
    if not len(indices):
        raise DataError(f"{folder / 'ct.csv'}: holds no voxel. Copy the file from the release again.")
    if np.abs(values).max() > MOST_HU:
        raise DataError(
            f"{folder / 'ct.csv'}: holds the value {values[np.abs(values).argmax()]:g}; expected HU + 1024, at most "
            f"{MOST_HU}. Copy the file from the release again."
        )
    ct = np.zeros(SHAPE, np.int32)
    ct.reshape(-1)[indices] = np.rint(values)
    names = [name for name in STRUCTURES if (folder / f"{name}.csv").is_file()]
    (dosed, dose), mask = _read_dose(folder / "dose.csv"), _read_mask(folder / "possible_dose_mask.csv")
    check_end(folder / "dose.csv", dosed, mask)
    return OpenKBPPatient(
        ct=ct,
        dose=dose,
        possible_dose_mask=mask,
        spacing=_read_spacing(folder / "voxel_dimensions.csv"),
        structures={name: _read_mask(folder / f"{name}.csv") for name in names},
    )


def write_patient(folder: Path | str, patient: OpenKBPPatient) -> None:
    """Writes one patient's folder as the challenge does: zeros left out, dose to 0.001 Gy."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    indices = np.flatnonzero(patient.ct)
    write_sparse_csv(folder / "ct.csv", indices, patient.ct.reshape(-1)[indices])
    write_dose_csv(folder / "dose.csv", patient.dose)
    for name, mask in {"possible_dose_mask": patient.possible_dose_mask, **patient.structures}.items():
        write_sparse_csv(folder / f"{name}.csv", np.flatnonzero(mask))
    write_atomic(folder / "voxel_dimensions.csv", "".join(f"{size:.18e}\n" for size in patient.spacing).encode("ascii"))


def read_dose_csv(path: Path | str) -> np.ndarray:
    """Reads a dose (``dose.csv``, or a submission's ``pt_N.csv``) in Gy, float64 in the official axes.

    Raises:
        DataError: the file is missing or damaged, or has a dose below 0 or above ``MOST_GY``.
    """
    return _read_dose(Path(path))[1]


def _read_dose(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The rows' voxels, and the dose."""
    indices, values = read_sparse_csv(path, int(np.prod(SHAPE)))
    wrong = np.flatnonzero((values < 0) | (values > MOST_GY))
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{path}: line {row + 2} has the dose {values[row]:g} Gy, expected 0 to {MOST_GY:,} Gy. Copy the file from "
            "the release again."
        )
    dose = np.zeros(SHAPE, np.float64)
    dose.reshape(-1)[indices] = values
    return indices, dose


def write_dose_csv(path: Path | str, dose: np.ndarray) -> None:
    """Writes a dose (Gy, official axes) as the challenge's sparse CSV, to 0.001 Gy; zeros are left out."""
    if dose.shape != SHAPE:
        raise ValueError(f"{path}: the dose has the shape {dose.shape}, expected {SHAPE}.")
    rounded = np.round(dose.reshape(-1).astype(np.float64), 3)
    indices = np.flatnonzero(rounded)
    write_sparse_csv(path, indices, rounded[indices])


def to_lps(array: np.ndarray) -> np.ndarray:
    """Official axes (y, x, z towards the feet) to (x, y, z) growing to the patient's left, posterior and head."""
    return array.transpose(1, 0, 2)[:, :, ::-1]


def from_lps(array: np.ndarray) -> np.ndarray:
    """Inverse of :func:`to_lps` (C-ordered, so that flat indices are the challenge's)."""
    return np.ascontiguousarray(array[:, :, ::-1].transpose(1, 0, 2))


def lps_affine(spacing: tuple[float, float, float], shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """Affine (NIfTI's RAS+ world, mm) of an array from :func:`to_lps`, with the volume's center at the origin.

    Args:
        spacing: voxel sizes along (x, y, z) in mm, the array's own order (not the CSV's).
        shape: the array's shape.
    """
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = -affine[:3, :3] @ (np.asarray(shape) - 1) / 2
    return affine


def _read_mask(path: Path) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask.reshape(-1)[read_sparse_mask(path, mask.size)] = True
    return mask


def check_end(path: Path, voxels: np.ndarray, mask: np.ndarray) -> None:
    """Finds a file that was cut off between two rows: rows are sorted, and CT and dose reach as far as the mask.

    In 231 official patients the last row lies at most 4 voxels before the mask's last one. Here it may lie two planes
    before, for a file that leaves zeros out.

    Args:
        path: the file.
        voxels: that it has values of, flat indices (N,).
        mask: the possible-dose mask, official axes.

    Raises:
        DataError: the file ends too early.
    """
    last, expected = voxels.max(initial=0), mask.size - 1 - int(mask.reshape(-1)[::-1].argmax())
    if mask.any() and last < expected - 2 * math.prod(SHAPE[1:]):
        raise DataError(
            f"{path}: cut off: its last voxel is {last}, expected some near {expected}, where possible_dose_mask.csv "
            "ends. Copy the file from the release again."
        )


def _read_spacing(path: Path) -> tuple[float, float, float]:
    """Voxel sizes (mm) in the file's order, which is that of the array's axes (y, x, z)."""
    try:
        text = path.read_text()
        sizes = [float(size) for size in text.split()]
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as three voxel sizes in mm ({error}).") from error
    if not text.endswith("\n"):
        raise DataError(f"{path}: cut off: the last row lacks its line break. Copy the file from the release again.")
    if len(sizes) != 3 or not all(0 < size < 100 for size in sizes):
        raise DataError(f"{path}: holds {sizes}, expected three voxel sizes between 0 and 100 mm, one a line.")
    return sizes[0], sizes[1], sizes[2]
