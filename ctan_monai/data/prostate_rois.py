# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Which of a structure set's regions is which label of the Prostate data set."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ctan_monai.errors import DataError

__all__ = ["PROSTATE_LABELS", "ROI_MAP", "match_rois", "read_roi_map"]

#: In label order 1..5.
PROSTATE_LABELS = ("rectum", "bladder", "left_femur", "right_femur", "ctv")

_FEMUR = r"fem(?:ur|oral)?(?:[ _.-]*(?:head|hd|neck))*s?"
#: Patterns of each label, the preferred first. A pattern matches a whole name, in any case. Names of AAPM TG-263 and
#: common others.
ROI_MAP: dict[str, list[str]] = {
    "rectum": [r"rectum", r"rectum[ _.-]*(?:whole|outer|o)", r"rect"],
    "bladder": [r"bladder", r"(?:urinary[ _.-]*)?bladder[ _.-]*(?:whole|outer|o)?", r"blad"],
    "left_femur": [rf"{_FEMUR}[ _.-]*(?:l|lt|left)", rf"(?:l|lt|left)[ _.-]*{_FEMUR}"],
    "right_femur": [rf"{_FEMUR}[ _.-]*(?:r|rt|right)", rf"(?:r|rt|right)[ _.-]*{_FEMUR}"],
    "ctv": [r"ctv", r"ctv[ _.-]*(?:p|prost|prostate)", r"ctv[ _.-]*(?:1|high|hr|7\d(?:[ _.]?\d\d?)?(?:gy)?)"],
}


def read_roi_map(path: Path | str) -> dict[str, list[str]]:
    """Reads a user's own patterns: a JSON object of label to a list of regular expressions.

    Labels that the file does not name keep the patterns of :data:`ROI_MAP`.

    Raises:
        DataError: no such file, no such JSON, an unknown label, or a pattern that is no regular expression.
    """
    expected = f"expected an object of labels ({', '.join(PROSTATE_LABELS)}) to lists of regular expressions"
    try:
        content = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error}), {expected}.") from error
    if not isinstance(content, dict) or not all(
        isinstance(value, list) and all(isinstance(item, str) for item in value) for value in content.values()
    ):
        raise DataError(f"{path}: is no map of ROI names, {expected}.")
    if unknown := sorted(set(content) - set(PROSTATE_LABELS)):
        raise DataError(f"{path}: has the unknown label '{unknown[0]}', {expected}.")
    for label, patterns in content.items():
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise DataError(f"{path}: '{pattern}' of {label} is no regular expression ({error}).") from error
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
            found = [i for i, name in enumerate(names) if re.fullmatch(pattern, name.strip(), re.IGNORECASE)]
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
