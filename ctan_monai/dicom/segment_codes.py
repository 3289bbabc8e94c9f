# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Codes (SNOMED CT, DICOM) of what the bundles segment."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

__all__ = ["SegmentCode", "segment_code"]

_ORGAN = Code("91723000", "SCT", "Anatomical Structure")  # written out: the name has two codes in pydicom 2.4
_LEFT, _RIGHT = codes.SCT.Left, codes.SCT.Right


@dataclass(frozen=True)
class SegmentCode:
    """What a segment shows: its category, its type, and its side where it has one."""

    category: Code
    kind: Code
    side: Code | None = None


_CODES = {
    "brainstem": SegmentCode(_ORGAN, codes.SCT.BrainStem),
    "spinal_cord": SegmentCode(_ORGAN, codes.SCT.SpinalCord),
    "right_parotid": SegmentCode(_ORGAN, codes.SCT.ParotidGland, _RIGHT),
    "left_parotid": SegmentCode(_ORGAN, codes.SCT.ParotidGland, _LEFT),
    "rectum": SegmentCode(_ORGAN, codes.SCT.Rectum),
    "bladder": SegmentCode(_ORGAN, codes.SCT.Bladder),
    "left_femur": SegmentCode(_ORGAN, codes.SCT.Femur, _LEFT),
    "right_femur": SegmentCode(_ORGAN, codes.SCT.Femur, _RIGHT),
    "ctv": SegmentCode(codes.DCM.RTTarget, codes.SCT.CTV),
}


def segment_code(name: str) -> SegmentCode:
    """The codes of one of the bundles' labels.

    Raises:
        ValueError: a label that has none.
    """
    if name not in _CODES:
        raise ValueError(
            f"the label '{name}' has no codes; there are some for {', '.join(_CODES)}. Add its codes to "
            "ctan_monai/dicom/segment_codes.py, or leave 'seg' out of --dicom_output."
        )
    return _CODES[name]
