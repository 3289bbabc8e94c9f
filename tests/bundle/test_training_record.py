# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A network is built again from the record beside its checkpoint; what the user gives comes first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigWorkflow
from support import REPOSITORY

from ctan_monai.bundle import recorded_values
from ctan_monai.networks import HPS, MTAN

# MONAI says of every config, also of one's own, that it is code
pytestmark = pytest.mark.filterwarnings("ignore:parsing config_file:UserWarning")
FORMER = Path(__file__).parent / "training_0_1_0.json"


def network(folder: Path, record: Any, **values: Any) -> Any:
    """The network that inference builds for a checkpoint with this record beside it."""
    (folder / "training.json").write_text(record if isinstance(record, str) else json.dumps(record))
    workflow = ConfigWorkflow(
        config_file=str(REPOSITORY / "bundles" / "openkbp" / "configs" / "inference.json"),
        workflow_type="inference",
        logging_file=False,
        checkpoint=str(folder / "model.pt"),
        **values,
    )
    steps = workflow.parser["initialize"]
    workflow.parser["initialize"] = [step for step in steps if "check_overrides" in step or "use_training" in step]
    workflow.initialize()
    return workflow.parser.get_parsed_content("network_def")


def of(error: pytest.ExceptionInfo[BaseException]) -> str:
    texts, cause = [], error.value
    while cause is not None:
        texts.append(str(cause))
        cause = cause.__cause__
    return "\n".join(texts)


VALUES = {"method": "MTAN", "backbone": "resnet18_half", "stem": "conv7x7", "task_names": ["dose"], "num_workers": 7}


def test_method_tasks_and_backbone_come_from_the_record(tmp_path: Path) -> None:
    found = network(tmp_path, {"values": VALUES | {"network_def::ctab": True}})
    assert isinstance(found, MTAN)
    assert (found.task_names, found.trunk.channels[0], found.bottleneck is not None) == (["dose"], 32, True)


def test_what_the_user_gives_comes_first(tmp_path: Path) -> None:
    found = network(tmp_path, {"values": VALUES}, method="HPS", backbone="resnet18")
    assert (type(found), found.trunk.channels[0], found.task_names) == (HPS, 64, ["dose"])
    found = network(tmp_path, {"values": VALUES}, use_record=False, stem="conv7x7", backbone="resnet18")
    assert found.task_names == ["segmentation", "dose"]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"values": {"backbone": "$print('code')"}}, "the value of 'values: backbone' has \"$print('code')\""),
        ({"values": {"windows": ["@backbone"]}}, "the value of 'values: windows' has '@backbone'"),
        ({"values": {"network_def::_target_": "shutil.rmtree"}}, "the class shutil.rmtree. Give it again with --net"),
        ({"values": {"method": "CTAM"}}, "Unknown method 'CTAM'"),
        ("{", "training.json: is not a training's record"),
        ("[]", "training.json: is not a training's record"),
        ({"values": []}, "training.json: is not a training's record"),
    ],
)
def test_a_record_is_data(tmp_path: Path, record: Any, message: str) -> None:
    with pytest.raises((RuntimeError, ValueError)) as error:
        network(tmp_path, record)
    assert message in of(error)


def test_a_record_of_version_0_1_0() -> None:
    record = json.loads(FORMER.read_text())
    assert "method" not in record["values"]
    values = recorded_values(record)
    assert (values["method"], values["weighting"], values["backbone"]) == ("CTAN", "DWA", "resnet18_half")
    assert not {"network_def::_target_", "gradient_interval", "resume", "max_epochs"} & set(values)
    assert recorded_values({"values": values}) == values
    own = recorded_values({"values": {"network_def::_target_": "my_package.Net"}})
    assert own == {"network_def::_target_": "my_package.Net"}
