# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The examples in docstrings give what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import ctan_monai

PACKAGE = Path(ctan_monai.__file__).parent


def has_examples(path: Path) -> bool:
    return any(">>> " in line and "+SKIP" not in line for line in path.read_text().splitlines())


WITH_EXAMPLES = sorted(filter(has_examples, PACKAGE.rglob("*.py")))


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: path.stem)
def test_examples_of_docstrings(path: Path) -> None:
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert (failed, tried > 0) == (0, True)
