# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Flags for predictions that are unlike those of the training patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import nibabel as nib
import numpy as np

__all__ = ["body_edges", "check_plausibility"]

EDGE_CONTACT_MM2 = 100.0  # smaller contact with the image's edge is noise or the couch's corner
# the side of the patient at an axis' first and last index, by the direction in which the index grows
SIDES = {"R": ("left", "right"), "L": ("right", "left"), "A": ("back", "front"), "P": ("front", "back")}


def check_plausibility(
    label_map: np.ndarray | None,
    dose: np.ndarray | None,
    spacing: Sequence[float],
    ranges: Mapping[str, Any],
    label_names: Mapping[str, int],
    body: np.ndarray | None = None,
) -> dict[str, Any]:
    """Compares one patient's predictions with the ranges of the training patients.

    Args:
        label_map: integer labels (x, y, z), or None for a method without segmentation.
        dose: Gy (x, y, z), or None for a method without dose.
        spacing: voxel size in mm.
        ranges: ``statistics`` of the prepared data's ``datalist.json``: ``organ_volume_cc`` (by organ),
            ``body_volume_cc``, ``max_dose_gy``, ``mean_body_dose_gy``, each with ``min`` and ``max``; what is not
            there is not checked.
        label_names: organ to label, as in the bundle's configs.
        body: bool (x, y, z), or None where it is unknown.

    Returns:
        ``plausible`` (no warning), ``warnings`` (sentences), and the figures with their ranges: ``body``,
        ``segmentation`` by organ, ``dose``. JSON-ready.
    """
    warnings: list[str] = []
    report: dict[str, Any] = {}
    voxel_cc = float(np.prod(np.asarray(spacing, dtype=float))) / 1000

    def figure(value: float, limits: Mapping[str, float] | None, words: str, unit: str, advice: str) -> dict[str, Any]:
        if limits is None:
            return {"value": round(value, 3)}
        low, high = float(limits["min"]), float(limits["max"])
        if not low <= value <= high:
            warnings.append(
                f"{words} is {value:.1f} {unit}, outside the range of the training patients, "
                f"{low:.1f} to {high:.1f} {unit}: {advice}."
            )
        return {"value": round(value, 3), "training_min": round(low, 3), "training_max": round(high, 3)}

    if body is not None:
        if body.any():
            volume = float(np.count_nonzero(body)) * voxel_cc
            advice = "the scan may show another part of the body, or its values may not be HU"
            report["body"] = {
                "volume_cc": figure(volume, ranges.get("body_volume_cc"), "The body's volume", "cc", advice)
            }
        else:
            report["body"] = {"volume_cc": {"value": 0.0}}
            warnings.append(
                "No body was found (nothing above -300 HU): the image may be empty or not in HU. Nothing was predicted."
            )
    if label_map is not None:
        counts = np.bincount(label_map.reshape(-1), minlength=1)
        report["segmentation"] = {}
        missed: list[str] = []
        for name, label in label_names.items():
            volume = float(counts[label]) * voxel_cc if label < len(counts) else 0.0
            words = name.replace("_", " ")
            if volume == 0:
                report["segmentation"][name] = {"volume_cc": {"value": 0.0}}
                missed.append(f"The {words} was not found: see whether the scan shows it, and contour it by hand.")
                continue
            limits = ranges.get("organ_volume_cc", {}).get(name)
            advice = "check this contour"
            report["segmentation"][name] = {
                "volume_cc": figure(volume, limits, f"The volume of the {words}", "cc", advice)
            }
        if len(missed) > len(label_names) / 2 and (body is None or body.any()):
            warnings.insert(
                0,
                f"{len(missed)} of {len(label_names)} structures were not found: the scan probably shows another part "
                "of the body, or is of another kind, than those the network was trained on. Use none of its results.",
            )
        warnings += missed
    if dose is not None:
        advice = "the predicted dose is not to be trusted"
        maximum = figure(float(dose.max()), ranges.get("max_dose_gy"), "The maximum dose", "Gy", advice)
        report["dose"] = {"max_gy": maximum}
        if body is not None and body.any():
            mean = float(dose[body].mean(dtype=np.float64))
            limits = ranges.get("mean_body_dose_gy")
            report["dose"]["mean_body_gy"] = figure(mean, limits, "The mean dose in the body", "Gy", advice)
    return {"plausible": not warnings, "warnings": warnings, **report}


def body_edges(body: np.ndarray, affine: np.ndarray) -> list[str]:
    """Sides on which the image cuts the body off, of the patient's left, right, front and back.

    Head and feet are no such sides: a scan ends somewhere.

    Args:
        body: bool (x, y, z).
        affine: (4, 4) voxel index to RAS mm.
    """
    found = []
    areas = np.linalg.norm(np.cross(affine[:3, [1, 2, 0]].T, affine[:3, [2, 0, 1]].T), axis=1)
    for axis, code in enumerate(nib.aff2axcodes(affine)):
        for index, side in zip((0, -1), SIDES.get(code, ()), strict=False):
            if np.count_nonzero(np.take(body, index, axis=axis)) * areas[axis] >= EDGE_CONTACT_MM2:
                found.append(side)
    return sorted(found)
