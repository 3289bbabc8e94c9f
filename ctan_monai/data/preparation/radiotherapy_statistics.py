# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Ranges of the training patients, kept in ``datalist.json``: what inference calls plausible."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["case_statistics"]

_FIGURES = ("body_volume_cc", "max_dose_gy", "mean_body_dose_gy", "mean_mask_dose_gy")


def case_statistics(records: list[dict[str, Any]], organs: Iterable[str]) -> dict[str, Any]:
    """Summarizes prepared patients.

    Args:
        records: of a ``prepare_case``, each with ``entry`` and ``figures``.
        organs: names of the labels.

    Returns:
        ``median_spacing`` (x, y, z) in mm; ``organ_volume_cc`` by organ (its contour, before overlaps are resolved),
        ``body_volume_cc``, ``max_dose_gy``, ``mean_body_dose_gy`` and, where there is one, ``mean_mask_dose_gy`` (over
        the possible-dose mask), each as ``min``, ``max``, ``mean`` and ``count`` over the patients that have it. Empty
        for no patients.
    """
    if not records:
        return {}
    figures = [record["figures"] for record in records]
    volumes = {
        organ: [f["organ_volume_cc"][organ] for f in figures if organ in f["organ_volume_cc"]] for organ in organs
    }
    return {
        "median_spacing": np.median([record["entry"]["spacing"] for record in records], axis=0).tolist(),
        "organ_volume_cc": {organ: _summary(values) for organ, values in volumes.items() if values},
        **{key: _summary([f[key] for f in figures]) for key in _FIGURES if key in figures[0]},
    }


def _summary(values: list[float]) -> dict[str, float | int]:
    return {"min": min(values), "max": max(values), "mean": float(np.mean(values)), "count": len(values)}
