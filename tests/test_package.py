# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Rules that the whole package keeps."""

from __future__ import annotations

import importlib
import pkgutil
import pydoc
from types import ModuleType

import pytest

import ctan_monai

ROOMS = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(ctan_monai.__path__, "ctan_monai.")
    if module.ispkg
]


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.__name__)
def test_no_exported_name_is_a_module_too(room: ModuleType) -> None:
    """MONAI finds a target by ``pydoc.locate``, which from Python 3.12 on prefers a module to its namesake function."""
    modules = {module.name for module in pkgutil.iter_modules(room.__path__)}
    assert modules & set(getattr(room, "__all__", ())) == set()


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("transforms.SaveImagesd", "inference.SaveImagesd"),
        ("transforms.ReportPlausibilityd", "inference.ReportPlausibilityd"),
        ("transforms.DoseToGrayd", "transforms.ScaleDosed"),
        ("data.find_inputs", "inference.find_inputs"),
        ("data.ResultsFolder", "inference.ResultsFolder"),
        ("handlers.RadiotherapyEvaluation", "evaluation.RadiotherapyEvaluation"),
        ("handlers.SaveLesions", "inference.SaveLesions"),
        ("inferers.SliceFoldingInferer", "engines.SliceFoldingInferer"),
        ("bundle.prepare_output_dir", "utils.prepare_output_dir"),
    ],
)
def test_a_config_may_have_the_former_name(former: str, now: str) -> None:
    """Found as MONAI finds a target."""
    found = pydoc.locate(f"ctan_monai.{former}")
    assert callable(found) and found is pydoc.locate(f"ctan_monai.{now}")
