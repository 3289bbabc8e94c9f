# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Values of overrides get the type of the bundle's own, or are refused by the name of their id."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigWorkflow

from ctan_monai.bundle.value_types import typed_value, typed_values


@pytest.mark.parametrize(
    ("name", "value", "default", "expected"),
    [
        ("amp", "false", "auto", False),
        ("amp", "AUTO", "auto", "auto"),
        ("amp", 1, "auto", True),
        ("channels_last", "no", True, False),
        ("channels_last", 0, True, False),
        ("resume", "Yes", False, True),
        ("pretrained", "weights/resnet.pth", True, "weights/resnet.pth"),
        ("pretrained", "FALSE", True, False),
        ("dicom_output", "rtstruct,seg", False, "rtstruct,seg"),
        ("dicom_output", ["seg"], False, ["seg"]),
        ("dicom_output", "true", False, True),
        ("max_epochs", "3", 100, 3),
        ("max_epochs", 3.0, 100, 3),
        ("learning_rate", "1e-3", 1e-4, 0.001),
        ("learning_rate", 1, 1e-4, 1.0),
        ("task_names", ("dose",), ["segmentation", "dose"], ["dose"]),
        ("stem", "conv7x7", "conv3x3", "conv7x7"),
        ("device", "$torch.device('cpu')", "$torch.device('cuda')", "$torch.device('cpu')"),
        ("max_epochs", "@other", 100, "@other"),
        ("output_dir", Path("out"), "$@bundle_root + '/models'", "out"),
    ],
)
def test_converted(name: str, value: Any, default: Any, expected: Any) -> None:
    found = typed_value(name, value, default)
    assert found == expected and type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "default"),
    [
        ("amp", "maybe", "auto"),
        ("channels_last", "off-ish", True),
        ("channels_last", 3, True),
        ("max_epochs", "many", 100),
        ("max_epochs", 2.5, 100),
        ("max_epochs", True, 100),
        ("learning_rate", "fast", 1e-4),
        ("learning_rate", [1e-3], 1e-4),
        ("task_names", "dose", ["segmentation", "dose"]),
        ("stem", 7, "conv3x3"),
        ("output_dir", 12345, "$@bundle_root + '/models'"),
        ("dataset_dir", ("SMITH", "JOHN"), "$@bundle_root + '/../../data/openkbp'"),
    ],
)
def test_refused_by_name(name: str, value: Any, default: Any) -> None:
    with pytest.raises(ValueError, match=name):
        typed_value(name, value, default)


def test_references_below_the_top_and_own_ids() -> None:
    known = {
        "rate": 0.1,
        "final": "@rate",
        "train": {"loader": {"_target_": "DataLoader", "shuffle": True}},
        "loss": {"uncertainty": False},
    }
    config = {
        "rate": 0.1,
        "final": "1e-5",
        "train": {"loader": {"_target_": "DataLoader", "shuffle": "false", "extra": "true"}},
        "loss": {"uncertainty": "yes"},
        "new": "false",
    }
    assert typed_values(config, known) == {"final": 1e-5, "train::loader::shuffle": False, "loss::uncertainty": True}


@pytest.mark.filterwarnings("ignore:parsing config_file:UserWarning")
def test_a_running_workflow_gets_them(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    config = {
        "imports": ["$import ctan_monai"],
        "bundle_root": str(tmp_path),
        "switch": True,
        "number": 3,
        "initialize": ["$ctan_monai.bundle.check_overrides(@bundle_root)", "$@switch"],
        "run": ["$(@switch, @number)"],
    }
    path = tmp_path / "configs" / "train.json"
    path.write_text(json.dumps(config))
    for switch, number, expected in (("false", "4", (False, 4)), (True, 3, (True, 3))):
        workflow = ConfigWorkflow(str(path), meta_file="", logging_file=False, switch=switch, number=number)  # type: ignore[arg-type]
        workflow.initialize()
        assert workflow.run() == [expected]
    workflow = ConfigWorkflow(str(path), meta_file="", logging_file=False, switch="perhaps")
    with pytest.raises(RuntimeError) as error:
        workflow.initialize()
    assert "switch" in str(error.value.__cause__)
