# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Flags for predictions that are unlike those of the training patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import nibabel as nib
import numpy as np

__all__ = ["body_edges", "check_plausibility", "organ_edges"]

ORGAN_CONTACT_MM2 = 20.0  # a few voxels
LONG = ("spinal_cord", "left_femur", "right_femur")  # reach beyond nearly every scan
EDGE_CONTACT_MM2 = 100.0  # smaller contact with the image's edge is noise or the couch's corner
WRONG_SITE = (
    "{} of {} structures were not found or have a size far from any training patient's: the scan probably shows "
    "another part of the body, or is of another kind, than those the network was trained on. Use none of its results."
)
NO_BODY = "No body was found (nothing above -300 HU): the image may be empty or not in HU. Nothing was predicted."
# the side of the patient at an axis' first and last index, by the direction in which the index grows
SIDES = {"R": ("left", "right"), "L": ("right", "left"), "A": ("back", "front"), "P": ("front", "back")}
ENDS = {"S": ("feet", "head"), "I": ("head", "feet")}


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
        ``usable``, False where none of the results may be used, and then the sentence ``unusable_because``, else
        empty; ``plausible`` (no warning), ``warnings`` (sentences, the former among them), and the figures with their
        ranges: ``body``, ``segmentation`` by organ, ``dose``. JSON-ready.
    """
    voxel_cc = float(np.prod(np.asarray(spacing, dtype=float))) / 1000
    warnings: list[str] = []
    report: dict[str, Any] = {}
    because = ""
    if body is not None:
        because = "" if body.any() else NO_BODY
        report["body"] = _body(body, voxel_cc, ranges.get("body_volume_cc"), warnings)
    if label_map is not None:
        report["segmentation"] = _organs(label_map, voxel_cc, ranges.get("organ_volume_cc", {}), label_names, warnings)
        suspicious = sum(map(_suspicious, report["segmentation"].values()))
        if suspicious >= len(label_names) / 2 and (body is None or body.any()):
            because = WRONG_SITE.format(suspicious, len(label_names))
            warnings.insert(0, because)
    if dose is not None:
        advice = "the predicted dose is not to be trusted"
        limits = ranges.get("max_dose_gy")
        maximum = _figure(float(dose.max()), limits, "The maximum dose", "Gy", advice, warnings)
        report["dose"] = {"max_gy": maximum}
        if body is not None and body.any():
            mean, limits = float(dose[body].mean(dtype=np.float64)), ranges.get("mean_body_dose_gy")
            report["dose"]["mean_body_gy"] = _figure(mean, limits, "The mean dose in the body", "Gy", advice, warnings)
    return {
        "usable": not because,
        "unusable_because": because,
        "plausible": not warnings,
        "warnings": warnings,
        **report,
    }


def _body(body: np.ndarray, voxel_cc: float, limits: Mapping[str, float] | None, warnings: list[str]) -> dict[str, Any]:
    if not body.any():
        warnings.append(NO_BODY)
        return {"volume_cc": {"value": 0.0}}
    volume = float(np.count_nonzero(body)) * voxel_cc
    advice = "the scan may show another part of the body, or its values may not be HU"
    return {"volume_cc": _figure(volume, limits, "The body's volume", "cc", advice, warnings)}


def _organs(
    label_map: np.ndarray,
    voxel_cc: float,
    ranges: Mapping[str, Mapping[str, float]],
    label_names: Mapping[str, int],
    warnings: list[str],
) -> dict[str, Any]:
    counts = np.bincount(label_map.reshape(-1), minlength=1)
    found = {}
    for name, label in label_names.items():
        volume = float(counts[label]) * voxel_cc if label < len(counts) else 0.0
        words = name.replace("_", " ")
        if volume == 0:
            found[name] = {"volume_cc": {"value": 0.0, **_limits(ranges.get(name))}}
            warnings.append(f"The {words} was not found: see whether the scan shows it, and contour it by hand.")
        else:
            title, advice = f"The volume of the {words}", "check this contour"
            found[name] = {"volume_cc": _figure(volume, ranges.get(name), title, "cc", advice, warnings)}
    return found


def _suspicious(organ: Mapping[str, Mapping[str, float]]) -> bool:
    """Whether an organ was not found, or is less than half of the smallest or more than twice the largest known one."""
    volume = organ["volume_cc"]
    low, high = volume.get("training_min", 0.0), volume.get("training_max", float("inf"))
    return volume["value"] == 0 or not low / 2 <= volume["value"] <= 2 * high


def _figure(
    value: float, limits: Mapping[str, float] | None, words: str, unit: str, advice: str, warnings: list[str]
) -> dict[str, Any]:
    """A figure with its range for the report; outside, a sentence is added to the warnings."""
    if limits is not None and not limits["min"] <= value <= limits["max"]:
        crossed = limits["min"] if value < limits["min"] else limits["max"]
        digits = next((d for d in range(1, 5) if f"{value:.{d}f}" != f"{crossed:.{d}f}"), 5)
        low, high = (f"{limits[end]:.{digits}f}" for end in ("min", "max"))
        warnings.append(
            f"{words} is {value:.{digits}f} {unit}, outside the range of the training patients, {low} to {high} "
            f"{unit}: {advice}."
        )
    return {"value": round(value, 3), **_limits(limits)}


def _limits(limits: Mapping[str, float] | None) -> dict[str, float]:
    return {} if limits is None else {f"training_{end}": round(float(limits[end]), 3) for end in ("min", "max")}


def organ_edges(label_map: np.ndarray, affine: np.ndarray, label_names: Mapping[str, int]) -> dict[str, list[str]]:
    """Sides on which the image ends within an organ, whose volume and dose are then those of a part.

    Of real patients, cut through the middle of an organ, nearly all cut organs are flagged, and none of the whole ones
    (docs/results/openkbp_warnings.json). The spinal cord and the femurs reach beyond most scans, and are left out.

    Args:
        label_map: integer labels (x, y, z).
        affine: (4, 4) voxel index to RAS mm.
        label_names: organ to label.

    Returns:
        organ to the patient's sides: left, right, front, back, head, feet.
    """
    areas = _face_areas(affine)
    found: dict[str, list[str]] = {}
    for axis, code in enumerate(nib.aff2axcodes(affine)):
        for index, side in zip((0, -1), (SIDES | ENDS)[code], strict=True):
            plane = np.take(label_map, index, axis=axis)
            for organ, label in label_names.items():
                if organ not in LONG and np.count_nonzero(plane == label) * areas[axis] >= ORGAN_CONTACT_MM2:
                    found.setdefault(organ, []).append(side)
    return {organ: sorted(sides) for organ, sides in found.items()}


def _face_areas(affine: np.ndarray) -> np.ndarray:
    """mm2 of a voxel's face across each axis."""
    return np.asarray(np.linalg.norm(np.cross(affine[:3, [1, 2, 0]].T, affine[:3, [2, 0, 1]].T), axis=1))


def body_edges(body: np.ndarray, affine: np.ndarray) -> list[str]:
    """Sides on which the image cuts the body off, of the patient's left, right, front and back.

    Head and feet are not such sides: a scan ends somewhere.

    Args:
        body: bool (x, y, z).
        affine: (4, 4) voxel index to RAS mm.
    """
    found = []
    areas = _face_areas(affine)
    for axis, code in enumerate(nib.aff2axcodes(affine)):
        for index, side in zip((0, -1), SIDES.get(code, ()), strict=False):
            if np.count_nonzero(np.take(body, index, axis=axis)) * areas[axis] >= EDGE_CONTACT_MM2:
                found.append(side)
    return sorted(found)
