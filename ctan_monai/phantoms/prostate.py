# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Prostate phantoms: synthetic plans as DICOM CT, RTSTRUCT and RTDOSE, learnable from CT alone.

Patients differ as real exports do: in the names of structures, files and folders, in the form of
GridFrameOffsetVector, in whether the dose is the plan's or its beams', and some lack a contour.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from pydicom.uid import generate_uid
from tqdm import tqdm

from ctan_monai.data.preparation.phantom_marker import mark_as_phantom
from ctan_monai.dicom import (
    DoseGrid,
    mask_outlines,
    read_source,
    resample_dose,
    write_ct_series,
    write_rtdose,
    write_rtstruct,
)
from ctan_monai.imaging.geometry import LPS_TO_RAS
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import prepare_output_dir

from .prostate_anatomy import Pelvis, make_pelvis
from .prostate_dose import make_pelvis_dose

__all__ = ["run", "write_prostate_patient", "write_prostate_phantom"]

_FEWEST = 3  # patients: one for each split
_BYTES_PER_PATIENT = 3_000_000
_WIDTH = 400.0  # mm of the scan
_SPACINGS = ((3.125, 3.125, 3.0), (4.0, 4.0, 3.0), (3.2, 3.2, 2.5))
_DOSE_SPACING = (5.0, 5.0, 4.0)  # mm, coarser than the CT and not aligned with it
_STYLES = (
    {"rectum": "Rectum", "bladder": "Bladder", "left_femur": "Femur_L", "right_femur": "Femur_R", "ctv": "CTV"},
    {
        "rectum": "RECTUM",
        "bladder": "bladder",
        "left_femur": "Femur_Head_L",
        "right_femur": "Femur_Head_R",
        "ctv": "CTV_Prostate",
    },
    {
        "rectum": "rectum",
        "bladder": "BLADDER",
        "left_femur": "Lt Femoral Head",
        "right_femur": "Rt Femoral Head",
        "ctv": "CTV 70",
    },
)
_LACKS_AN_ORGAN = 6  # every sixth patient has no contour of one of these:
_AT_TIMES_ABSENT = ("left_femur", "right_femur", "bladder")


def run(arguments: argparse.Namespace) -> None:
    """Runs the command line of this phantom."""
    folder = write_prostate_phantom(arguments.output, arguments.patients, arguments.seed)
    mark_as_phantom(arguments.output)
    print(f"Wrote {arguments.patients} phantom patients to {folder}.")


def write_prostate_phantom(output: Path | str, patients: int, seed: int = 0) -> Path:
    """Writes phantom patients, each as DICOM in a folder of its own.

    Returns:
        the folder.

    Raises:
        DataError: the output cannot be written, or holds other files already.
    """
    output = Path(output)
    if output.is_dir() and (foreign := sorted(p.name for p in output.iterdir())):
        raise DataError(f"{output}: holds '{foreign[0]}' already. Give a new --output, or remove that folder.")
    prepare_output_dir(output, patients * _BYTES_PER_PATIENT / 1e6, "--output")
    for number in tqdm(range(1, patients + 1), desc="Writing Prostate phantom", unit="patient"):
        try:
            write_prostate_patient(output / f"patient {number:03d}", number, seed)
        except OSError as error:
            raise DataError(f"{output}: cannot be written ({error.strerror}). Free some space and repeat.") from error
    return output


def write_prostate_patient(folder: Path, number: int, seed: int = 0) -> Pelvis:
    """Writes one patient, whose anatomy depends on number and seed alone, and returns it."""
    rng = np.random.default_rng([seed, number])
    spacing = _SPACINGS[number % len(_SPACINGS)]
    size = round(_WIDTH / spacing[0])
    pelvis = make_pelvis(rng, spacing, size)
    dose = make_pelvis_dose(pelvis, spacing)
    origin = np.array([*(-(size - 1) / 2 * np.array(spacing[:2])), rng.uniform(-400, -300)]).round(2)
    affine = LPS_TO_RAS @ np.block([[np.diag(spacing), origin[:, None]], [0, 0, 0, 1]])
    series = folder / ("CT" if number % 2 else "DICOM/0001")  # nested and named in more than one way
    source = read_source(write_ct_series(series, pelvis.ct, affine, f"phantom_{number:03d}", "pelvis", prefix="CT"))
    absent = str(rng.choice(_AT_TIMES_ABSENT)) if number % _LACKS_AN_ORGAN == _LACKS_AN_ORGAN // 2 else ""
    names = {label: name for label, name in _STYLES[number % len(_STYLES)].items() if label != absent}
    outlines = {name: mask_outlines(pelvis.structures[label], affine) for label, name in names.items()}
    outlines["PTV_7000"] = mask_outlines(pelvis.target, affine)
    write_rtstruct((folder / "RS.dcm") if number % 2 else (series / "structures"), source, outlines)

    dose_affine, dose_shape = _dose_grid(affine, pelvis.ct.shape, rng)
    coarse = resample_dose(_longer(dose, affine), dose_affine, dose_shape)
    place = folder if number % 2 else series
    shares = (1.0,) if number % 4 else (0.3, 0.5, 0.2)  # of the beams
    plan = generate_uid(prefix=None)
    for beam, share in enumerate(shares, start=1):
        write_rtdose(
            place / f"RD.{beam}.dcm",
            source,
            coarse * share,
            dose_affine,
            absolute_offsets=number % 3 == 0,
            plan_uid=plan,
            beam=beam if len(shares) > 1 else None,
        )
    return pelvis


def _longer(dose: np.ndarray, affine: np.ndarray, slices: int = 4) -> DoseGrid:
    """The dose with its end slices repeated, for the dose grid is longer than the scan."""
    start = affine.copy()
    start[:3, 3] -= slices * affine[:3, 2]
    return DoseGrid(np.pad(dose, ((0, 0), (0, 0), (slices, slices)), mode="edge"), start)


def _dose_grid(
    affine: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator
) -> tuple[np.ndarray, tuple[int, int, int]]:
    """A grid coarser than the CT's and shifted by part of a voxel: within it in the plane, longer along z."""
    spacing = np.abs(np.diag(affine)[:3])
    extent = (np.asarray(shape) - 1) * spacing
    start = rng.uniform(1, 3, 3).round(2) * (1, 1, -1)
    count = np.floor((extent - start) / _DOSE_SPACING).astype(int) + np.array((1, 1, 2))
    signs = np.sign(np.diag(affine)[:3])
    grid = np.diag([*(signs * _DOSE_SPACING), 1.0])
    grid[:3, 3] = affine[:3, 3] + signs * start
    return grid, (int(count[0]), int(count[1]), int(count[2]))
