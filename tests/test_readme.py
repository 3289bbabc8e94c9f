# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The README's first screen: short, its links and pictures are there, its Python runs."""

from __future__ import annotations

import re
from typing import Any

from support import REPOSITORY

README = (REPOSITORY / "README.md").read_text()


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 120


def test_its_links_and_pictures_are_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)", README) + re.findall(r'(?:src|srcset)="([^"]+)"', README)
    local = [target for target in targets if not target.startswith("https://")]
    assert len(local) > 15
    assert [target for target in local if not (REPOSITORY / target).exists()] == []


def test_its_python_gives_what_it_says() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    shapes = {task: tuple(output.shape) for task, output in names["outputs"].items()}
    assert shapes == {"segmentation": (1, 5, 96, 128), "diagnosis": (1, 7)}
    assert all(str(shape) in code for shape in shapes.values())
