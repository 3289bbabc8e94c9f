# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""How structures are called and colored, alike in every table and picture."""

from __future__ import annotations

import re
from collections.abc import Collection

__all__ = ["display_name", "is_target", "structure_colors"]

# Colors for a dark and for a light background, told apart with the common color blindnesses (after Okabe & Ito).
_KNOWN = {
    "brainstem": ("#56b4e9", "#0072b2"),
    "spinalcord": ("#f0e442", "#8f8000"),
    "rightparotid": ("#ff9d2e", "#c25e00"),
    "leftparotid": ("#2fd6a1", "#00795a"),
    "esophagus": ("#f49ac8", "#b0357f"),
    "larynx": ("#c8a06a", "#7a4a14"),
    "mandible": ("#b4b4b4", "#666666"),
    "ptv56": ("#c4a8ff", "#6a3fc0"),
    "ptv63": ("#ff9c8f", "#cc3311"),
    "ptv70": ("#ffffff", "#000000"),
    "rectum": ("#c8a06a", "#7a4a14"),
    "bladder": ("#f0e442", "#8f8000"),
    "leftfemur": ("#56b4e9", "#0072b2"),
    "rightfemur": ("#2fd6a1", "#00795a"),
    "ctv": ("#ff9c8f", "#cc3311"),
}
_SPARE = list(dict.fromkeys(_KNOWN.values()))
_SPELLING = {
    "spinalcord": "Spinal cord",
    "rightparotid": "Right parotid",
    "leftparotid": "Left parotid",
    "leftfemur": "Left femur",
    "rightfemur": "Right femur",
    "ctv": "CTV",
}


def _key(name: str) -> str:
    """The same for `spinal_cord` and `SpinalCord`."""
    return re.sub(r"[^0-9a-z]", "", name.lower())


def display_name(name: str) -> str:
    """A structure's name for readers: `spinal_cord` and `SpinalCord` -> `Spinal cord`, `PTV70` stays."""
    if name.upper() == name:
        return name
    words = name.replace("_", " ")
    return _SPELLING.get(_key(name), words[:1].upper() + words[1:])


def is_target(name: str) -> bool:
    """Whether a structure is irradiated on purpose (PTV, CTV, GTV), by its name."""
    return _key(name).startswith(("ptv", "ctv", "gtv"))


def structure_colors(names: Collection[str], dark: bool) -> dict[str, str]:
    """A color for each structure.

    Args:
        names: structures; two spellings of one name have one color.
        dark: for a dark background.

    Returns:
        Hexadecimal colors by name. Names without a color of their own get the first free ones.
    """
    keys = dict.fromkeys(_key(name) for name in names)
    spare = [pair for pair in _SPARE if pair not in [_KNOWN[key] for key in keys if key in _KNOWN]] or _SPARE
    unknown = [key for key in keys if key not in _KNOWN]
    pairs = _KNOWN | {key: spare[position % len(spare)] for position, key in enumerate(unknown)}
    return {name: pairs[_key(name)][0 if dark else 1] for name in names}
