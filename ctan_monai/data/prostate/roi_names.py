# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Which of a structure set's regions is which label of the Prostate data set."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import parse_json

__all__ = ["PROSTATE_LABELS", "ROI_MAP", "match_rois", "read_roi_map"]

#: In label order 1..5.
PROSTATE_LABELS = ("rectum", "bladder", "left_femur", "right_femur", "ctv")

_S = r"[ _.,-]*"
_LEFT = r"(?:l|lt|left|li|links?|linke[rs]?|g|gche|gauche|i|izq|izqd[ao]|izd[ao]|izquierd[ao])"
_RIGHT = r"(?:r|rt|right|re|rechts?|rechte[rs]?|d|dr|dte|droite?|der|dch|dch[ao]|derech[ao])"
_FEMURS = (  # English, German, French, Spanish; the head, which is often drawn alone, or the bone
    rf"fem(?:ur|oral)?(?:{_S}(?:head|hd|neck))*s?",
    rf"(?:femur|hue?ft|oberschenkel){_S}kopf|hue?fte?|oberschenkel(?:{_S}knochen)?",
    rf"(?:tete|t|col){_S}(?:du{_S}|de{_S})?fem(?:orale?|ur)?|tf",
    rf"(?:cabeza|cab|cuello){_S}(?:del?{_S})?fem(?:oral|ur)?|cf",
)
#: Patterns of each label, the preferred first. A pattern matches a whole name, in any case and without accents. Names
#: of AAPM TG-263 and common others in English, German, French and Spanish.
ROI_MAP: dict[str, list[str]] = {
    "rectum": [
        r"rectum",
        rf"rectum{_S}(?:whole|outer|o)",
        r"rect",
        rf"(?:rektum|enddarm|mastdarm)(?:{_S}(?:ganz|gesamt|aussen))?",
        r"recto",
    ],
    "bladder": [
        r"bladder",
        rf"(?:urinary{_S})?bladder{_S}(?:whole|outer|o)?",
        r"blad",
        rf"(?:harn)?blase(?:{_S}(?:ganz|gesamt|aussen))?",
        r"vessie",
        r"vejiga",
    ],
    "left_femur": [p for femur in _FEMURS for p in (rf"(?:{femur}){_S}{_LEFT}\.?", rf"{_LEFT}{_S}(?:{femur})")],
    "right_femur": [p for femur in _FEMURS for p in (rf"(?:{femur}){_S}{_RIGHT}\.?", rf"{_RIGHT}{_S}(?:{femur})")],
    "ctv": [
        r"ctv",
        rf"ctv{_S}(?:p|prost|prostate|prostata)",
        rf"ctv{_S}(?:1|high|hr|7\d(?:[ _.]?\d\d?)?(?:gy)?)",
    ],
}


def read_roi_map(path: Path | str) -> dict[str, list[str]]:
    """Reads a user's own patterns: a JSON object of label to a list of regular expressions.

    Labels that the file does not name keep the patterns of :data:`ROI_MAP`.

    Raises:
        DataError: no such file, no such JSON, an unknown label, or a pattern that is not a regular expression.
    """
    expected = f"expected an object of labels ({', '.join(PROSTATE_LABELS)}) to lists of regular expressions"
    try:
        content = parse_json(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error}), {expected}.") from error
    if not isinstance(content, dict) or not all(
        isinstance(value, list) and all(isinstance(item, str) for item in value) for value in content.values()
    ):
        raise DataError(f"{path}: is not a map of ROI names, {expected}.")
    if unknown := sorted(set(content) - set(PROSTATE_LABELS)):
        raise DataError(f"{path}: has the unknown label '{unknown[0]}', {expected}.")
    for label, patterns in content.items():
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise DataError(f"{path}: '{pattern}' of {label} is not a regular expression ({error}).") from error
    return {**ROI_MAP, **content}


def match_rois(names: Sequence[str], roi_map: Mapping[str, Sequence[str]] | None = None) -> dict[str, int]:
    """Position of each label's region among the names; labels without one are left out.

    The first pattern that matches any name decides.

    Args:
        names: of a structure set's regions.
        roi_map: label to patterns; None: :data:`ROI_MAP`.

    Raises:
        DataError: two regions match a label's pattern alike.
    """
    matches: dict[str, int] = {}
    for label, patterns in (roi_map or ROI_MAP).items():
        for pattern in patterns:
            found = [i for i, name in enumerate(names) if _fits(pattern, name)]
            if len(found) > 1:
                listed = ", ".join(f"'{names[i]}'" for i in found)
                raise DataError(
                    f"the structures {listed} all match '{pattern}', the pattern of {label}; expected one. Give a more "
                    "exact pattern in a file with --roi-map, or remove the others."
                )
            if found:
                matches[label] = found[0]
                break
    return matches


def _fits(pattern: str, name: str) -> bool:
    """Whether a pattern matches a name, whatever the case of its letters, with or without its accents."""
    composed = unicodedata.normalize("NFC", name.strip())
    plain = "".join(c for c in unicodedata.normalize("NFKD", composed) if not unicodedata.combining(c))
    texts = (composed, plain.replace("ß", "ss"))
    return any(re.fullmatch(unicodedata.normalize("NFC", pattern), text, re.IGNORECASE) for text in texts)
