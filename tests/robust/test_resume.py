# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A training goes on with what it was begun with, or says in one line why it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Engine
from torch import nn

from ctan_monai.handlers import HandlerGroup, RunRecord, TrainingCheckpoint
from ctan_monai.utils.errors import DataError

_DATA = {"name": "x", "cases": {"training": 3}, "prepared": "then", "files_sha256": "ab"}
_VALUES = {"batch_size": 8, "method": "CTAN", "num_workers": 1, "max_epochs": 1}


def _train(
    folder: Path, epochs: int, values: dict[str, Any] | None = None, data: dict[str, Any] | None = None, seed: int = 0
) -> Engine:
    engine = Engine(lambda engine, batch: None)
    handlers = {
        "checkpoint": TrainingCheckpoint(folder, {"network": nn.Linear(8, 8)}, resume=True),
        "record": RunRecord(folder / "training.json", seed, _VALUES | (values or {}), _DATA | (data or {})),
    }
    HandlerGroup(handlers).attach(engine)
    engine.run([0, 1], max_epochs=epochs)
    return engine


def test_what_may_change(tmp_path: Path) -> None:
    _train(tmp_path, 1)
    values = {"num_workers": 4, "max_epochs": 2, "of_a_later_version": 3}
    assert _train(tmp_path, 2, values, {"prepared": "now"}).state.epoch == 2
    assert json.loads((tmp_path / "training.json").read_text())["values"]["num_workers"] == 4


@pytest.mark.parametrize(
    "changed, named",
    [
        ({"values": {"batch_size": 4}}, "begun with batch_size 8 and now 4. Resume"),
        ({"values": {"method": "MTAN"}}, "method CTAN and now MTAN"),
        ({"data": {"files_sha256": "cd"}}, "files_sha256 ab and now cd"),
        ({"data": {"cases": {"training": 4}}}, "cases {'training': 3} and now {'training': 4}"),
        ({"seed": 1}, "seed 0 and now 1"),
    ],
)
def test_what_may_not(changed: dict[str, Any], named: str, tmp_path: Path) -> None:
    _train(tmp_path, 1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(DataError) as caught:
        _train(tmp_path, 2, **changed)
    assert named in str(caught.value) and "training.json" in str(caught.value)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_damaged_checkpoints(tmp_path: Path) -> None:
    _train(tmp_path, 1)
    path = tmp_path / "checkpoint.pt"
    content = path.read_bytes()
    place = content.index(torch.load(path)["objects"]["network"]["weight"].numpy().tobytes()[:32])
    flipped = bytearray(content)
    flipped[place + 5] ^= 64
    for damaged in (b"", b"x", content[:200], content[: len(content) // 2], bytes(flipped)):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"checkpoint\.pt' is not a file of PyTorch weights, or is damaged") as one:
            _train(tmp_path, 2)
        assert "\n" not in str(one.value)


@pytest.mark.parametrize("key, value", [("objects", None), ("epoch", "x"), ("best_score", []), ("iteration", None)])
def test_checkpoints_of_another_structure(key: str, value: Any, tmp_path: Path) -> None:
    _train(tmp_path, 1)
    path = tmp_path / "checkpoint.pt"
    state = torch.load(path)
    torch.save({**state, key: value}, path)
    with pytest.raises(DataError, match=r"checkpoint\.pt: is not as this program writes it"):
        _train(tmp_path, 2)
    torch.save([state], path)
    with pytest.raises(DataError, match=r"checkpoint\.pt: is not as this program writes it"):
        _train(tmp_path, 2)
    torch.save({**state, "objects": {"network": {"weight": 3}}}, path)
    with pytest.raises(ValueError, match=r"checkpoint\.pt' does not fit this config \(network\)"):
        _train(tmp_path, 2)


def test_the_best_network_is_missing(tmp_path: Path) -> None:
    _train(tmp_path, 1)
    (tmp_path / "model.pt").unlink()
    with pytest.raises(DataError, match=r"model\.pt' is missing beside 'checkpoint\.pt'"):
        _train(tmp_path, 1)
