# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Slices sorted into a regular stack, and its affine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydicom import Dataset

from ctan_monai.imaging.geometry import LPS_TO_RAS, check_axes
from ctan_monai.utils.errors import InputError

__all__ = ["stack_slices"]

SAME_POSITION_MM = 0.01
LISTED = 5


def stack_slices(name: str, slices: Mapping[Path, Dataset]) -> tuple[list[Path], np.ndarray]:
    """Sorts slices by ImagePositionPatient projected on their normal and checks that they are evenly spaced.

    The direction cosines carry the patient's position: head-first and feet-first, supine and prone need no case of
    their own.

    Args:
        name: the folder, for messages.
        slices: file to header, of one series.

    Returns:
        the sorted files, and the (4, 4) affine from index (column, row, slice) to RAS mm.

    Raises:
        InputError: one slice; slices not parallel, at the same position, missing, tilted or oblique.
    """
    paths = list(slices)
    orientation = np.array([slices[p].ImageOrientationPatient for p in paths], dtype=float)
    if np.abs(orientation - orientation[0]).max() > 1e-3:
        raise InputError(
            f"{name}: the slices are not parallel; expected one ImageOrientationPatient. Export one volume."
        )
    if len(paths) < 2:
        raise InputError(f"{name}: the CT series has one slice, expected a volume. Copy all slices into the folder.")
    row, column = orientation[0, :3], orientation[0, 3:]
    normal = np.cross(row, column)
    positions = np.array([slices[p].ImagePositionPatient for p in paths], dtype=float)
    order = np.argsort(positions @ normal, kind="stable")
    paths, positions = [paths[i] for i in order], positions[order]
    _check_gaps(name, paths, positions @ normal, positions[:, np.abs(normal).argmax()])
    row_spacing, column_spacing = (float(v) for v in slices[paths[0]].PixelSpacing)  # between rows, between columns
    affine = np.eye(4)
    affine[:3, 0] = row * column_spacing
    affine[:3, 1] = column * row_spacing
    affine[:3, 2] = (positions[-1] - positions[0]) / (len(paths) - 1)
    affine[:3, 3] = positions[0]
    sideways = np.abs(positions - np.linspace(positions[0], positions[-1], len(paths))) @ (1 - np.abs(normal))
    if sideways.max() > 1.0:
        raise InputError(
            f"{name}: slice {paths[sideways.argmax()].name} lies {sideways.max():.1f} mm beside the line of the rest; "
            "expected slices stacked along one line. Put each volume's slices into a folder of its own."
        )
    affine = LPS_TO_RAS @ affine
    check_axes(affine, name)
    return paths, affine


def _check_gaps(name: str, paths: list[Path], along: np.ndarray, coordinate: np.ndarray) -> None:
    """``along``: mm along the normal, ascending; ``coordinate``: the patient coordinate nearest to it, for messages."""
    gaps = np.diff(along)
    usual = float(np.median(gaps))
    same = np.flatnonzero(gaps < SAME_POSITION_MM)
    if len(same):
        pairs = [f"{paths[i].name} and {paths[i + 1].name} at {coordinate[i]:.2f} mm" for i in same[:LISTED]]
        raise InputError(
            f"{name}: {len(same)} slices lie at the same position as another: {'; '.join(pairs)}"
            f"{' ...' if len(same) > LISTED else ''}. Expected one slice at each position: remove copies, and give one "
            "phase of a 4-D CT."
        )
    # positions rounded to 0.1 mm are common; a missing slice doubles a gap
    odd = np.flatnonzero(np.abs(gaps - usual) > max(0.1, 0.05 * usual))
    if len(odd):
        places = [f"{coordinate[i]:.2f} to {coordinate[i + 1]:.2f} mm ({gaps[i]:.2f} mm)" for i in odd[:LISTED]]
        raise InputError(
            f"{name}: slices are missing or unevenly spaced: most are {usual:.2f} mm apart, not {'; '.join(places)}"
            f"{' ...' if len(odd) > LISTED else ''}. Copy the missing slices into the folder, or resample the series "
            "to an even spacing first."
        )
