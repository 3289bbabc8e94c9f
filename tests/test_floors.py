# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Imports run downwards only, from room to room: no room knows what is built on it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ctan_monai

PACKAGE = Path(ctan_monai.__file__).parent
FLOORS = (
    ("networks", "losses"),
    ("utils",),
    ("imaging", "engines"),
    ("dicom", "bundle"),
    ("transforms",),
    ("inference",),
    ("data",),
    ("phantoms", "metrics"),
    ("handlers",),
    ("reports",),
    ("evaluation",),
    ("comparison", "packing"),
    ("node", "predict_command"),
    ("command",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def imported_rooms(file: Path) -> set[str]:
    """Rooms of the package that a file imports from, its functions' imports too; its own is left out."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        names = [node.module] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found |= {name.split(".")[1] for name in names if name and name.startswith("ctan_monai.")}
    return found - {room_of(file)}


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_room_has_a_floor() -> None:
    assert {room_of(file) for file in PACKAGE.rglob("*.py")} - {"__init__"} == set(FLOOR)


@pytest.mark.parametrize("room", sorted(FLOOR))
def test_a_room_imports_from_lower_floors_alone(room: str) -> None:
    files = [file for file in PACKAGE.rglob("*.py") if room_of(file) == room]
    upwards = {
        f"{file.relative_to(PACKAGE)} imports {other}"
        for file in files
        for other in imported_rooms(file)
        if FLOOR[other] >= FLOOR[room]
    }
    assert upwards == set()
