# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from typing import Any

from support import REPOSITORY

from ctan_monai.comparison import unequal_settings


def result(method: str, optimizer: str | None = "AdamW", epochs: int = 8, cases: int = 48, **config: Any) -> dict:
    known = {"method": method, "tasks": ["dose"], "weighting": method, "learning_rate": 0.001, **config}
    if optimizer:
        known["optimizer"] = optimizer
    data = {"name": "OpenKBP", "cases": {"training": cases}}
    training = {"config": known, "max_epochs": epochs, "values": {"weight_decay": 1e-5}, "data": data}
    return {"training": training, "cases": {"dose": {"pt_1": 1.0, "pt_2": 2.0}}}


def test_methods_and_weightings_may_differ_and_nothing_else() -> None:
    assert unequal_settings({"a": result("STL"), "b": result("CTAN")}) == []
    assert unequal_settings({}) == []
    found = unequal_settings(
        {
            "a": result("STL"),
            "b": result("CTAN", None, learning_rate=0.01),
            "c": result("HPS", "Adam", epochs=9, cases=47),
        }
    )
    assert found == [
        "learning rate: 0.001 in a, c; 0.01 in b.",
        "optimizer: AdamW in a; not recorded in b; Adam in c.",
        "max epochs: 8 in a, b; 9 in c.",
        "cases: {'training': 48} in a, b; {'training': 47} in c.",
    ]


def test_runs_on_other_test_cases_are_named() -> None:
    other = result("HPS") | {"cases": {"dose": {"pt_1": 1.0}, "segmentation": {"pt_1": 50.0}}}
    found = unequal_settings({"a": result("STL"), "b": other, "c": result("CTAN")})
    assert found == ["other test cases of dose: 2 in a, c; 1 in b."]


def test_the_published_comparisons_are_fair() -> None:
    for table in sorted((REPOSITORY / "docs" / "results").glob("*_*/table.json")):
        runs = json.loads(table.read_text())["runs"]
        folder = REPOSITORY / "docs" / "results" / "runs" / table.parent.name.partition("_")[2]
        contents = {run: json.loads((folder / f"{run}.json").read_text()) for run in runs}
        assert unequal_settings(contents) == [], table
