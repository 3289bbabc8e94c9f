# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Which DICOM results a run is asked for."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence

__all__ = ["NEED_HIGHDICOM", "dicom_kinds"]

NEED_HIGHDICOM = ("seg", "sr", "sc")


def dicom_kinds(wanted: bool | str | Sequence[str], available: Sequence[str]) -> tuple[str, ...]:
    """The kinds of DICOM objects to write, checked before time is spent.

    Args:
        wanted: False for none, True for all, or the names of some; a text may hold several, with commas.
        available: the kinds that the bundle has.

    Raises:
        ValueError: an unknown kind.
        ModuleNotFoundError: highdicom, which some kinds need, is not installed.
    """
    if isinstance(wanted, bool):
        kinds = tuple(available) if wanted else ()
    else:
        names = wanted.replace(" ", "").split(",") if isinstance(wanted, str) else wanted
        kinds = tuple(name.lower() for name in names)
    if unknown := [kind for kind in kinds if kind not in available]:
        raise ValueError(
            f"--dicom_output: unknown kind {', '.join(unknown)}; expected True, False, or some of "
            f"{', '.join(available)}."
        )
    needing = [kind for kind in kinds if kind in NEED_HIGHDICOM]
    if needing and importlib.util.find_spec("highdicom") is None:
        others = [kind for kind in available if kind not in NEED_HIGHDICOM]
        raise ModuleNotFoundError(
            f"--dicom_output: highdicom, which writes {', '.join(needing)}, is not installed. Install it with "
            "pip install 'ctan-monai[dicom]'" + (f", or ask for {', '.join(others)} alone." if others else "."),
            name="highdicom",
        )
    if needing:  # it tells of each group of tags that it copies, and warns of what the CT hands on
        logging.getLogger("highdicom").setLevel(logging.CRITICAL)
    return kinds
