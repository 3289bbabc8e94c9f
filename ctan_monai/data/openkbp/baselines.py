# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Trivial baselines for dose and contours: what the training patients alone predict for a patient.

A network is worth its name only if it clearly beats these. Both look at a test patient's CT for its body alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy import ndimage

__all__ = ["AlignedMeanDose", "MeanDose", "OrganAtlas"]

THRESHOLDS: tuple[float, ...] = tuple(np.arange(1, 20) / 20)  # 0.05, 0.10 .. 0.95


class MeanDose:
    """Mean training dose: voxel by voxel over the training patients, on their common grid of voxel indices.

    Patients are not aligned and voxel sizes not heeded; 0 outside a test patient's body. The release's grids are laid
    about what was irradiated, so that the voxel index alone says where the target is, within some millimetres: this
    baseline knows what no CT shows. :class:`AlignedMeanDose` does not.

    Args:
        doses: the training patients' doses in Gy, (X, Y, Z), all of one shape.
    """

    def __init__(self, doses: Iterable[np.ndarray]) -> None:
        total, count = None, 0
        for dose in doses:
            if total is None:
                total = np.zeros(dose.shape, np.float64)
            elif dose.shape != total.shape:
                raise ValueError(
                    f"A training dose has shape {dose.shape}, the one before {total.shape}; need one grid."
                )
            total += dose
            count += 1
        if total is None:
            raise ValueError("There is no training dose to average; check the data list's section 'training'.")
        self.mean = (total / count).astype(np.float32)

    def predict(self, body: np.ndarray) -> np.ndarray:
        """Dose in Gy, (X, Y, Z), of a patient whose body is `body`, bool (X, Y, Z)."""
        return np.where(body, self.mean, np.float32(0))


class AlignedMeanDose:
    """Mean training dose of patients aligned by their bodies, as :class:`OrganAtlas` aligns them: what a CT shows.

    Args:
        patients: (dose in Gy, body mask, voxel size in mm) of each training patient, arrays (X, Y, Z).

    Raises:
        ValueError: no patient, or an empty body.
    """

    def __init__(self, patients: Sequence[tuple[np.ndarray, np.ndarray, Sequence[float]]]) -> None:
        if not patients:
            raise ValueError("There is no training dose to average; check the data list's section 'training'.")
        self.grid = _BodyGrid(patients[0][0].shape, [spacing for _, _, spacing in patients])
        self.mean = np.zeros(self.grid.shape, np.float32)
        for dose, body, spacing in patients:
            self.mean += self.grid.gather(dose.astype(np.float32), body, spacing) / np.float32(len(patients))

    def predict(self, body: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
        """Dose in Gy, (X, Y, Z), of a patient.

        Args:
            body: bool mask, (X, Y, Z).
            spacing: voxel size in mm along each axis.
        """
        if not body.any():
            return np.zeros(body.shape, np.float32)
        return np.where(body, self.grid.scatter(self.mean, body, spacing), np.float32(0))


class OrganAtlas:
    """Atlas of organ frequencies: each voxel's share of the training patients whose organ is there.

    Patients are aligned by the center of their body's bounding box and their voxel sizes (translation and scale,
    nearest voxel), on a grid of the first patient's shape and the median voxel size. A patient without an organ does
    not count for it. A voxel is an organ's where the frequency reaches the organ's threshold; where several do, it is
    that of the organ whose frequency is highest relative to its threshold. Nothing outside the body is an organ.

    The threshold of each organ is that with the highest mean Dice over the training patients, each compared with the
    atlas of the others.

    Args:
        patients: (integer label map, body mask, voxel size in mm) of each training patient, arrays (X, Y, Z).
        labels: label value by organ.
        thresholds: candidates, in (0, 1].

    Raises:
        ValueError: an organ occurs in fewer than two patients.
    """

    def __init__(
        self,
        patients: Sequence[tuple[np.ndarray, np.ndarray, Sequence[float]]],
        labels: Mapping[str, int],
        thresholds: Sequence[float] = THRESHOLDS,
    ) -> None:
        if len(patients) < 2:
            raise ValueError(f"An atlas needs at least two training patients, got {len(patients)}.")
        self.labels = dict(labels)
        self.grid = _BodyGrid(patients[0][0].shape, [spacing for _, _, spacing in patients])
        maps = [self.grid.gather(*patient) for patient in patients]
        self.frequencies: dict[str, np.ndarray] = {}
        self.thresholds: dict[str, float] = {}
        for organ, label in self.labels.items():
            masks = [mask for segmentation in maps if (mask := segmentation == label).any()]
            if len(masks) < 2:
                raise ValueError(f"Organ '{organ}' is in {len(masks)} of the training patients; an atlas needs two.")
            counts = np.zeros(self.grid.shape, np.int32)
            for mask in masks:
                counts += mask
            dice = np.mean([_dice_left_out(counts, mask, len(masks), thresholds) for mask in masks], axis=0)
            self.frequencies[organ] = counts.astype(np.float32) / np.float32(len(masks))
            self.thresholds[organ] = float(thresholds[int(dice.argmax())])

    def predict(self, body: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
        """Label map, uint8 (X, Y, Z), of a patient.

        Args:
            body: bool mask, (X, Y, Z); without a voxel there is no organ.
            spacing: voxel size in mm along each axis.
        """
        segmentation = np.zeros(body.shape, np.uint8)
        if not body.any():
            return segmentation
        best = np.zeros(body.shape, np.float32)
        for organ, label in self.labels.items():
            relative = self.frequencies[organ] / np.float32(self.thresholds[organ])
            here = self.grid.scatter(relative, body, spacing)
            better = body & (here >= 1) & (here > best)
            segmentation[better] = label
            best[better] = here[better]
        return segmentation


class _BodyGrid:
    """The common grid of patients aligned by the center of their body's bounding box and their voxel sizes."""

    def __init__(self, shape: Sequence[int], spacings: Sequence[Sequence[float]]) -> None:
        self.shape = tuple(shape)
        self.spacing = np.median(spacings, axis=0)
        self.center = (np.asarray(self.shape) - 1) / 2

    def gather(self, array: np.ndarray, body: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
        """A patient's array on the common grid, 0 beyond it."""
        if not body.any():
            raise ValueError("A training patient's body mask is empty, so it cannot be aligned; check its CT.")
        step = self.spacing / np.asarray(spacing, dtype=float)
        return _resample(array, _box_center(body) - step * self.center, step, self.shape)

    def scatter(self, array: np.ndarray, body: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
        """An array of the common grid on a patient's, 0 beyond it."""
        step = np.asarray(spacing, dtype=float) / self.spacing
        return _resample(array, self.center - step * _box_center(body), step, body.shape)


def _box_center(mask: np.ndarray) -> np.ndarray:
    """Center of the mask's bounding box, in voxels."""
    (box,) = ndimage.find_objects(mask.astype(np.int8))
    return np.array([(used.start + used.stop - 1) / 2 for used in box])


def _resample(array: np.ndarray, start: np.ndarray, step: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Nearest voxels at `start + step * index`, 0 beyond the array."""
    # rounded first, for numbers that are whole but for the arithmetic
    indices = [
        np.rint(np.round(s + d * np.arange(n), 6)).astype(int) for s, d, n in zip(start, step, shape, strict=True)
    ]
    inside = [(index >= 0) & (index < n) for index, n in zip(indices, array.shape, strict=True)]
    result = np.zeros(shape, array.dtype)
    used = [index[keep] for index, keep in zip(indices, inside, strict=True)]
    result[np.ix_(*(np.flatnonzero(keep) for keep in inside))] = array[np.ix_(*used)]
    return result


def _dice_left_out(counts: np.ndarray, mask: np.ndarray, patients: int, thresholds: Sequence[float]) -> np.ndarray:
    """Dice of one patient's organ with the others' atlas at each threshold.

    `counts` is the number of patients, this one among them, whose organ is at a voxel.
    """
    others = counts - mask
    # how many voxels (of all, and of the organ) lie in the organs of at least k others, k = 0, 1, ...
    predicted = np.bincount(others.ravel(), minlength=patients)[::-1].cumsum()[::-1]
    overlap = np.bincount(others[mask], minlength=patients)[::-1].cumsum()[::-1]
    least = np.ceil(np.round(np.asarray(thresholds) * (patients - 1), 9)).astype(int)
    return np.asarray(2 * overlap[least] / (predicted[least] + mask.sum()))
