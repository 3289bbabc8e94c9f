# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""OpenKBP phantoms: synthetic head-and-neck patients in the challenge's own files, learnable from CT alone."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ctan_monai.data.openkbp.patient import HU_OFFSET, SHAPE, SPLIT_FOLDERS, OpenKBPPatient, from_lps, write_patient
from ctan_monai.data.preparation.phantom_marker import mark_as_phantom
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import prepare_output_dir

from .openkbp_anatomy import make_anatomy
from .openkbp_dose import make_dose

__all__ = ["make_openkbp_patient", "run", "write_openkbp_phantom"]

_IN_PLANE = (3.75, 3.906, 3.906, 3.906, 4.055, 4.688, 4.891)  # mm, as often as in the release
_THICKNESS = (2.0, 2.32, 2.5, 2.5, 2.5, 3.0, 3.0)
_OFTEN_ABSENT = {"Esophagus": 0.7, "Larynx": 0.55, "Mandible": 0.33}  # share of patients without this contour
_LACKS_AN_ORGAN = 7  # every seventh patient has no contour of one of these:
_AT_TIMES_ABSENT = ("Brainstem", "RightParotid", "LeftParotid")
_FEWEST = 3  # patients: one for each split
_BYTES_PER_PATIENT = 6_000_000


def run(arguments: argparse.Namespace) -> None:
    """Runs the command line of this phantom."""
    release = write_openkbp_phantom(arguments.output, arguments.patients, arguments.seed)
    counts = ", ".join(f"{len(list((release / name).iterdir()))} in {name}" for name in SPLIT_FOLDERS.values())
    mark_as_phantom(arguments.output)
    print(f"Wrote {arguments.patients} phantom patients to {release}: {counts}.")


def write_openkbp_phantom(output: Path | str, patients: int, seed: int = 0) -> Path:
    """Writes a phantom release: about a fifth of the patients each for validation and test, at least one.

    Returns:
        the folder ``<output>/provided-data``.

    Raises:
        ValueError: fewer than three patients.
        DataError: the output cannot be written, or holds other patients already.
    """
    if patients < _FEWEST:
        raise ValueError(
            f"patients is {patients}, expected at least {_FEWEST}: one each for training, validation, test."
        )
    release = Path(output) / "provided-data"
    held_out = max(1, round(patients / 5))
    sizes = {"training": patients - 2 * held_out, "validation": held_out, "test": held_out}
    sections = [section for section, size in sizes.items() for _ in range(size)]
    folders = {n: release / SPLIT_FOLDERS[section] / f"pt_{n}" for n, section in enumerate(sections, start=1)}
    present = {folder for name in SPLIT_FOLDERS.values() for folder in (release / name).glob("*")}
    if foreign := present - set(folders.values()):
        raise DataError(
            f"{release}: holds other patients already, such as {min(foreign).name}. "
            "Give a new --output, or remove that folder."
        )
    prepare_output_dir(release, patients * _BYTES_PER_PATIENT / 1e6, "--output")
    for number, folder in tqdm(folders.items(), desc="Writing OpenKBP phantom", unit="patient"):
        try:
            write_patient(folder, make_openkbp_patient(number, seed))
        except OSError as error:
            raise DataError(f"{folder}: cannot be written ({error.strerror}). Free some space and repeat.") from error
    return release


def make_openkbp_patient(number: int, seed: int = 0) -> OpenKBPPatient:
    """Makes one phantom patient, which depends on its number and the seed alone."""
    rng = np.random.default_rng([seed, number])
    in_plane = float(rng.choice(_IN_PLANE))
    spacing = (in_plane, in_plane, float(rng.choice(_THICKNESS)))
    anatomy = make_anatomy(rng, spacing, SHAPE[0])
    dose, possible = make_dose(anatomy, spacing)
    bottom = int(rng.integers(10, 40))  # index of the lowest slice with body

    structures = {name: mask for name, mask in anatomy.structures.items() if rng.random() >= _OFTEN_ABSENT.get(name, 0)}
    organ = str(rng.choice(_AT_TIMES_ABSENT))
    if number % _LACKS_AN_ORGAN == _LACKS_AN_ORGAN // 2:
        del structures[organ]
    ct = np.where(anatomy.body, np.clip(np.rint(anatomy.ct) + HU_OFFSET, 1, 4095), 0).astype(np.int32)
    return OpenKBPPatient(
        ct=_place(ct, bottom),
        dose=_place(dose.astype(np.float64), bottom),
        possible_dose_mask=_place(possible, bottom),
        spacing=(spacing[1], spacing[0], spacing[2]),
        structures={name: _place(mask, bottom) for name, mask in structures.items()},
    )


def _place(array: np.ndarray, bottom: int) -> np.ndarray:
    """Puts the slices with body into the full volume and turns it to the official axes."""
    volume = np.zeros(SHAPE, array.dtype)
    volume[:, :, bottom : bottom + array.shape[2]] = array
    return from_lps(volume)
