# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Codes (SNOMED CT, DICOM), standard names (AAPM TG-263) and colors of what the bundles segment."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

__all__ = ["SegmentCode", "segment_code", "structure_color"]

_ORGAN = Code("91723000", "SCT", "Anatomical Structure")  # written out: the name has two codes in pydicom 2.4
_LEFT, _RIGHT = codes.SCT.Left, codes.SCT.Right


@dataclass(frozen=True)
class SegmentCode:
    """What a segment shows.

    Attributes:
        category: of the segmented property.
        kind: type of the segmented property.
        color: red, green and blue, 0 to 255: the same in every object and in the reports' pictures.
        standard_name: of AAPM TG-263.
        side: left or right; None where it has none.
    """

    category: Code
    kind: Code
    color: tuple[int, int, int]
    standard_name: str
    side: Code | None = None


# Told apart with the common color blindnesses (after Okabe & Ito), see ctan_monai/reports/structures.py
_BLUE, _YELLOW, _ORANGE, _GREEN = (86, 180, 233), (240, 228, 66), (255, 157, 46), (47, 214, 161)
_BROWN, _RED = (200, 160, 106), (255, 156, 143)
_SPARE = ((196, 168, 255), (244, 154, 200), (180, 180, 180), _ORANGE, _BROWN, _RED)

_CODES = {
    "brainstem": SegmentCode(_ORGAN, codes.SCT.BrainStem, _BLUE, "Brainstem"),
    "spinal_cord": SegmentCode(_ORGAN, codes.SCT.SpinalCord, _YELLOW, "SpinalCord"),
    "right_parotid": SegmentCode(_ORGAN, codes.SCT.ParotidGland, _ORANGE, "Parotid_R", _RIGHT),
    "left_parotid": SegmentCode(_ORGAN, codes.SCT.ParotidGland, _GREEN, "Parotid_L", _LEFT),
    "rectum": SegmentCode(_ORGAN, codes.SCT.Rectum, _BROWN, "Rectum"),
    "bladder": SegmentCode(_ORGAN, codes.SCT.Bladder, _YELLOW, "Bladder"),
    "left_femur": SegmentCode(_ORGAN, codes.SCT.Femur, _BLUE, "Femur_L", _LEFT),
    "right_femur": SegmentCode(_ORGAN, codes.SCT.Femur, _GREEN, "Femur_R", _RIGHT),
    "ctv": SegmentCode(codes.DCM.RTTarget, codes.SCT.CTV, _RED, "CTV"),
}


def segment_code(name: str) -> SegmentCode:
    """The codes of one of the bundles' labels.

    Raises:
        ValueError: a label that has none.
    """
    if name not in _CODES:
        raise ValueError(
            f"the label '{name}' has no codes; there are some for {', '.join(_CODES)}. Add its codes to "
            "ctan_monai/dicom/snomed_codes.py, or leave 'seg' out of --dicom_output and --tg263 off."
        )
    return _CODES[name]


def structure_color(name: str, number: int) -> tuple[int, int, int]:
    """Red, green and blue of a structure.

    Args:
        name: a label of the bundles, or its name in TG-263; another name gets a color by its number.
        number: ROI or segment number, from 1.
    """
    key = _key(name)
    own = (code.color for label, code in _CODES.items() if key in (_key(label), _key(code.standard_name)))
    return next(own, _SPARE[(number - 1) % len(_SPARE)])


def _key(name: str) -> str:
    return re.sub("[^0-9a-z]", "", name.lower())
