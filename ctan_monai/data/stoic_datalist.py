# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The cases of the STOIC bundle, with the choice of the patients that the severity task counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ctan_monai.data.prepared import DATALIST_NAME, load_datalist, read_datalist
from ctan_monai.errors import DataError

__all__ = ["SEVERITY_OF", "stoic_cases"]

SEVERITY_OF = ("covid_positive", "all")


def stoic_cases(
    dataset_dir: Path | str,
    section: str,
    tasks: Iterable[str],
    size: Sequence[int],
    spacing: Sequence[float],
    window: Sequence[float],
    severity_of: str = "covid_positive",
) -> list[dict[str, Any]]:
    """Cases of one section, each with "severity_present".

    Args:
        dataset_dir: folder of the prepared data.
        section: "training", "validation" or "test".
        tasks: names of the tasks that labels are needed for.
        size: voxels of a slice that the config expects, and that inference will make.
        spacing: voxel size in mm, likewise.
        window: HU (low, high), likewise.
        severity_of: the patients whose severity counts in the loss and in the score that chooses the best network:
            "covid_positive", so that the task is severe against not severe COVID-19; or "all", where the negatives are
            examples of not severe.

    Raises:
        ValueError: another ``severity_of``.
        DataError: the data were prepared with another size, spacing or window; or see
            :py:func:`ctan_monai.data.read_datalist`.
    """
    if severity_of not in SEVERITY_OF:
        raise ValueError(f"severity_of is {severity_of!r}: use one of {', '.join(SEVERITY_OF)}.")
    cases = read_datalist(dataset_dir, section, tasks)
    found = load_datalist(dataset_dir).get("provenance", {}).get("settings", {})
    for name, option, value in (
        ("size", "image_size", size),
        ("spacing", "spacing", spacing),
        ("window", "window", window),
    ):
        if list(found.get(name, ())) != list(value):
            raise DataError(
                f"{Path(dataset_dir) / DATALIST_NAME}: was prepared with {name} {found.get(name)}, but the config's "
                f"{option} is {list(value)}. Give --{option} '{found.get(name)}', also for inference, or prepare the "
                "data with the config's value."
            )
    return [{**case, "severity_present": int(severity_of == "all" or case["covid"])} for case in cases]
