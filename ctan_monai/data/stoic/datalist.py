# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The cases of the STOIC bundle, with the choice of the patients that the severity task counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ctan_monai.data.datalist import DATALIST_NAME, load_datalist, read_datalist
from ctan_monai.utils.errors import DataError, content_of

__all__ = ["stoic_cases"]


def stoic_cases(
    dataset_dir: Path | str,
    section: str,
    tasks: Iterable[str],
    size: Sequence[int],
    spacing: Sequence[float],
    window: Sequence[float],
) -> list[dict[str, Any]]:
    """Cases of one section, each with "severity_present": 1 for COVID-positive patients.

    Severity is that of COVID-19, so a negative patient has none: in the loss, in the score that chooses the best
    network and in the comparison of methods alike. Among all patients it would be for the most part COVID-19 itself.

    Args:
        dataset_dir: folder of the prepared data.
        section: "training", "validation" or "test".
        tasks: names of the tasks that labels are needed for.
        size: voxels of a slice that the config expects, and that inference will make.
        spacing: voxel size in mm, of both.
        window: HU (low, high), of both.

    Raises:
        DataError: the data were prepared with another size, spacing or window; or see
            :py:func:`ctan_monai.data.read_datalist`.
    """
    cases = read_datalist(dataset_dir, section, tasks)
    with content_of(Path(dataset_dir) / DATALIST_NAME, "Run ctan-monai prepare again."):
        found = dict(load_datalist(dataset_dir).get("provenance", {}).get("settings", {}))
    for name, option, value in (
        ("size", "image_size", size),
        ("spacing", "spacing", spacing),
        ("window", "window", window),
    ):
        if found.get(name) != list(value):
            raise DataError(
                f"{Path(dataset_dir) / DATALIST_NAME}: was prepared with {name} {found.get(name)}, but the config's "
                f"{option} is {list(value)}. Give --{option} '{found.get(name)}', also for inference, or prepare the "
                "data with the config's value."
            )
    return [{**case, "severity_present": int(case["covid"])} for case in cases]
