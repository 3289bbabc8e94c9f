# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Targets and their prescribed doses: by their names, and from a structure set."""

from __future__ import annotations

import functools
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ctan_monai.utils.errors import InputError

from .contours_to_mask import rasterize
from .rtstruct import read_structures
from .series import CTSeries

__all__ = ["HIGHEST", "LOWEST", "parse_doses", "prescribed_doses", "read_rt_targets", "rt_target_masks"]

logger = logging.getLogger(__name__)

LOWEST, HIGHEST = 10.0, 100.0  # Gy, of what a name or a volume can prescribe
_NUMBER = re.compile(r"\d+(?:[.,p]\d+)?", re.IGNORECASE)  # AAPM TG-263 writes 59.4 as 59p4, too
_EXAMPLE = "--target_doses PTV70=70,PTV63=63"


def parse_doses(text: str | None) -> dict[str, float] | None:
    """The doses that a user gives by names.

    Args:
        text: ``NAME=GY`` pairs between commas, such as ``PTV70=70,PTV63=63``; None: names carry their doses.

    Returns:
        name to Gy.

    Raises:
        InputError: another form, a name that comes twice, or a dose outside 10 to 100 Gy.
    """
    if text is None:
        return None
    doses: dict[str, float] = {}
    for pair in str(text).split(","):
        name, equals, number = (part.strip() for part in pair.rpartition("="))
        try:
            dose = float(number)
        except ValueError:
            dose = 0.0
        if not name or not equals or not LOWEST <= dose <= HIGHEST:
            raise InputError(
                f"--target_doses {text}: found '{pair.strip()}', expected a name and {LOWEST:g} to {HIGHEST:g} Gy, "
                f"such as {_EXAMPLE}."
            )
        if _plain(name) in map(_plain, doses):
            raise InputError(f"--target_doses {text}: '{name}' comes twice; expected one dose. Leave one out.")
        doses[name] = dose
    return doses


def prescribed_doses(names: Sequence[str], doses: Mapping[str, float] | None, source: Path | str) -> dict[str, float]:
    """Which of some structures are targets, and what is prescribed to them.

    Args:
        names: of the structures, as the file has them.
        doses: name to Gy, whatever the case of its letters: these are the targets. None: the targets are the structures
            whose names begin with PTV, and each name carries its dose, the one number between 10 and 100 Gy in it;
            numbers from 1000 on are cGy.
        source: the file or folder, for messages.

    Returns:
        name, as in ``names``, to Gy.

    Raises:
        InputError: no target, two of one name, or one without a dose or without a structure.
    """
    held = ", ".join(f"'{name}'" for name in names) or "none"
    if doses is None:
        found = {name: _dose_in_name(name) for name in names if _plain(name).startswith("ptv")}
        if unknown := [f"'{name}'" for name, dose in found.items() if dose is None]:
            raise InputError(
                f"{source}: the dose of {', '.join(unknown)} is unknown; expected one number of {LOWEST:g} to "
                f"{HIGHEST:g} Gy in the name. Name the targets and their Gy, such as {_EXAMPLE}."
            )
        targets = {name: dose for name, dose in found.items() if dose is not None}
        if not targets:
            raise InputError(
                f"{source}: there is no target; found {held}, expected names such as PTV70. Name the targets and their "
                f"Gy, such as {_EXAMPLE}."
            )
    else:
        given = {_plain(name): dose for name, dose in doses.items()}
        targets = {name: given[_plain(name)] for name in names if _plain(name) in given}
        missing = [f"'{name}'" for name in doses if _plain(name) not in map(_plain, names)]
        if missing:
            raise InputError(
                f"{source}: lacks {', '.join(missing)} of --target_doses; found {held}. Correct the names, or leave "
                "out what this patient does not have."
            )
    counts = Counter(_plain(name) for name in names)
    if twice := sorted({f"'{name}'" for name in targets if counts[_plain(name)] > 1}):
        raise InputError(
            f"{source}: there are several targets named {', '.join(twice)}; expected one of each name, whatever the "
            "case of its letters. Rename or remove the others."
        )
    return targets


def rt_target_masks(
    path: Path | str, series: CTSeries, doses: Mapping[str, float] | None
) -> list[tuple[str, float, np.ndarray]]:
    """The targets of a structure set, on the grid of its CT.

    Args:
        path: the RTSTRUCT file.
        series: the CT.
        doses: see :py:func:`prescribed_doses`. Without them, a structure without contours is not a target; with
            them, one is none beside another of its name that has contours.

    Returns:
        of each target its name, Gy, and bool voxels of the CT's shape (columns, rows, slices).

    Raises:
        InputError: the file cannot be used; see :py:func:`read_structures` and :py:func:`prescribed_doses`; or a target
            has no contour within the CT.
    """
    every = read_structures(path, series.frame_uid)
    drawn = {_plain(s.name) for s in every if s.is_drawn}
    structures = [s for s in every if s.is_drawn or (doses is not None and _plain(s.name) not in drawn)]
    targets = prescribed_doses([s.name for s in structures], doses, path)
    found = []
    for structure in structures:
        if structure.name not in targets:
            continue
        try:
            mask, notes = rasterize(structure, series.affine, series.shape)
        except InputError as error:
            raise InputError(str(error) if structure.damaged else f"{path}: {error}") from error
        if not mask.any():
            where = "lies wholly outside the CT" if structure.contours else "has no contours"
            raise InputError(
                f"{path}: the target '{structure.name}' {where}; expected contours in the CT's slices. Give the "
                "structure set that was drawn on this CT, or name the other targets by --target_doses."
            )
        for note in notes:
            _tell(str(path), note)
        found.append((structure.name, targets[structure.name], mask))
    return found


def read_rt_targets(path: Path | str, series: CTSeries, doses: Mapping[str, float] | None) -> np.ndarray:
    """The prescribed dose by a structure set, on the grid of its CT.

    Returns:
        Gy, float32 of the CT's shape (columns, rows, slices): the highest where targets overlap, 0 elsewhere.

    Raises:
        InputError: see :py:func:`rt_target_masks`, whose arguments these are.
    """
    prescribed = np.zeros(series.shape, np.float32)
    for _, dose, mask in rt_target_masks(path, series, doses):
        prescribed[mask] = np.maximum(prescribed[mask], dose)
    return prescribed


@functools.cache
def _tell(path: str, note: str) -> None:
    """Once a process: a run reads its targets to check them, for the network, and for the report."""
    logger.warning("%s: %s.", path, note)


def _dose_in_name(name: str) -> float | None:
    numbers = [float(re.sub("[,pP]", ".", text)) for text in _NUMBER.findall(name)]
    doses = [number / 100 if number >= 1000 else number for number in numbers]
    doses = [dose for dose in doses if LOWEST <= dose <= HIGHEST]
    return doses[0] if len(doses) == 1 else None


def _plain(name: str) -> str:
    return name.strip().casefold()
