# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A predicted dose beside the prescriptions of its targets and the usual limits of organs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .coverage import LEAST_PERCENT, target_coverage
from .organ_limits import organ_doses

__all__ = ["check_dose", "figure_name"]


def check_dose(
    dose: np.ndarray,
    organs: Mapping[str, np.ndarray],
    targets: Mapping[str, tuple[float, np.ndarray]],
    spacing: Sequence[float],
) -> tuple[dict[str, Any], list[str]]:
    """Judges a dose, all on one grid.

    Args:
        dose: Gy, (x, y, z).
        organs: bool voxels by name.
        targets: by name the prescribed Gy and the voxels (bool).
        spacing: voxel size in mm.

    Returns:
        ``organ_doses`` of :py:func:`ctan_monai.inference.organ_doses` and, where there are targets, ``targets`` of
        :py:func:`ctan_monai.inference.target_coverage`, JSON-ready; and a sentence for each target whose prescription
        is missed and for each organ with a limit that is exceeded.
    """
    report: dict[str, Any] = {}
    warnings = []
    if targets:
        report["targets"] = target_coverage(dose, targets, spacing)
        for name, found in report["targets"].items():
            if found["covered"] is False:
                percent = 100 * found["d95_gy"] / found["prescribed_gy"]
                warnings.append(
                    f"The predicted dose misses the prescription of {name}: D95 is {found['d95_gy']:.1f} Gy, "
                    f"{percent:.0f} % of {found['prescribed_gy']:g} Gy; expected at least {LEAST_PERCENT:g} %."
                )
    report["organ_doses"] = organ_doses(dose, organs, spacing)
    for organ, limits in report["organ_doses"].items():
        exceeded = [
            f"{figure_name(limit['figure'])} is {limit['value']:.1f} {limit['unit']}, usually at most "
            f"{limit['limit']:g} ({limit['source']})"
            for limit in limits
            if limit["exceeded"]
        ]
        if exceeded:
            words = organ.replace("_", " ")
            warnings.append(f"The predicted dose in the {words} is above a usual limit: {'; '.join(exceeded)}.")
    return _rounded(report), warnings


def figure_name(figure: str) -> str:
    """A dose-volume figure as people write it: "D0.1cc", "V50", "mean"."""
    kind, _, number = figure.partition("_")
    return f"{kind}{number.replace('_', '')}" if number else kind


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(float(value), 3) if isinstance(value, float) else value
