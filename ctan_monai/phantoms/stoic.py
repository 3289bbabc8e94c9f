# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""STOIC phantoms: synthetic chest CTs in the release's layout, whose opacities depend on the labels."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from tqdm import tqdm

from ctan_monai.data.preparation.phantom_marker import mark_as_phantom
from ctan_monai.data.stoic.release import COLUMNS, REFERENCE, VOLUMES, StoicPatient
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import prepare_output_dir, write_atomic

from .stoic_chest import make_chest

__all__ = ["make_stoic_patients", "make_stoic_volume", "run", "write_stoic_phantom"]

_FEWEST = 10  # patients: three of each class, one for each section
_SEVERE, _COVID = 0.2, 0.6  # shares of all patients (real: 0.15 and 0.60)
_DECADES = (35, 45, 55, 65, 75, 85)  # the release gives the middle of the decade
_BYTES_PER_PATIENT = 1_500_000


def run(arguments: argparse.Namespace) -> None:
    """Runs the command line of this phantom."""
    patients = write_stoic_phantom(arguments.output, arguments.patients, arguments.seed)
    counts = [sum(p.covid for p in patients), sum(p.severe for p in patients)]
    mark_as_phantom(arguments.output)
    print(f"Wrote {len(patients)} phantom patients to {arguments.output}: {counts[0]} COVID, {counts[1]} severe.")


def write_stoic_phantom(output: Path | str, patients: int, seed: int = 0) -> list[StoicPatient]:
    """Writes a phantom release: ``metadata/reference.csv`` and ``data/mha/ID.mha``.

    Raises:
        ValueError: fewer than ten patients.
        DataError: the output cannot be written, or holds other patients already.
    """
    output = Path(output)
    rows = make_stoic_patients(patients, seed)
    files = {output / VOLUMES / f"{row.patient_id}.mha": row for row in rows}
    foreign = set((output / VOLUMES).glob("*.mha")) - set(files)
    if foreign:
        raise DataError(
            f"{output}: holds other patients already, such as {min(foreign).name}. "
            "Give a new --output, or remove that folder."
        )
    prepare_output_dir(output / VOLUMES, patients * _BYTES_PER_PATIENT / 1e6, "--output")
    for path, row in tqdm(files.items(), desc="Writing STOIC phantom", unit="patient"):
        try:
            _write(make_stoic_volume(row, seed), path)
        except (OSError, RuntimeError) as error:
            raise DataError(f"{path}: cannot be written ({error}). Free some space and repeat.") from error
    lines = [",".join(COLUMNS), *(f"{row.patient_id},{int(row.covid)},{int(row.severe)}" for row in rows)]
    write_atomic(output / REFERENCE, "\n".join(lines) + "\n")
    return rows


def make_stoic_patients(patients: int, seed: int = 0) -> list[StoicPatient]:
    """The rows of the reference: 60 % COVID, 20 % severe, numbers with gaps as in the release.

    Raises:
        ValueError: fewer than ten patients.
    """
    if patients < _FEWEST:
        raise ValueError(f"patients is {patients}, expected at least {_FEWEST}: three of each class.")
    rng = np.random.default_rng([seed, 0])
    severe = max(round(_SEVERE * patients), 3)
    covid = min(max(round(_COVID * patients), severe + 3), patients - 3)
    order = rng.permutation(patients)
    numbers = 5 + np.cumsum(rng.integers(1, 10, patients))
    return [
        StoicPatient(str(number), bool(rank < covid), bool(rank < severe))
        for number, rank in zip(numbers, order, strict=True)
    ]


def make_stoic_volume(patient: StoicPatient, seed: int = 0) -> sitk.Image:
    """One patient's CT, which depends on the row and the seed alone: int16 HU, with the header's tags."""
    rng = np.random.default_rng([seed, 1, int(patient.patient_id)])
    in_plane = float(rng.uniform(2.6, 3.2))
    spacing = (in_plane, in_plane, float(rng.uniform(3.5, 5.0)))
    hu = make_chest(rng, spacing, patient.covid, patient.severe)
    image = sitk.GetImageFromArray(np.ascontiguousarray(hu.transpose(2, 1, 0)))
    image.SetSpacing(spacing)
    image.SetOrigin([-s * n / 2 + float(rng.uniform(-20, 20)) for s, n in zip(spacing, hu.shape, strict=True)])
    image.SetMetaData("PatientAge", f"{rng.choice(_DECADES):03d}Y")
    image.SetMetaData("PatientSex", str(rng.choice(["F", "M"])))
    return image


def _write(image: sitk.Image, path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:  # ITK writes in place
        temporary = Path(folder, path.name)
        sitk.WriteImage(image, str(temporary), useCompression=True)
        temporary.replace(path)
