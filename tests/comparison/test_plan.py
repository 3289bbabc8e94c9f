# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import pytest
from support import REPOSITORY

from ctan_monai.comparison import plan_runs
from ctan_monai.utils.errors import DataError

TRAIN = json.loads((REPOSITORY / "bundles" / "openkbp" / "configs" / "train.json").read_text())


def test_stl_is_one_network_a_task_and_seeds_are_the_outer_loop() -> None:
    names = [run.name for run in plan_runs(TRAIN, seeds=[0, 1])]
    first = ["stl_segmentation_seed0", "stl_dose_seed0", "hps_dwa_seed0", "mtan_dwa_seed0", "ctan_dwa_seed0"]
    assert names == first + [name.replace("seed0", "seed1") for name in first]


def test_each_weighting_for_methods_with_several_tasks_only() -> None:
    runs = plan_runs(TRAIN, ["STL", "CTAN"], ["DWA", "equal"])
    assert [run.name for run in runs] == [
        "stl_segmentation_seed0",
        "stl_dose_seed0",
        "ctan_dwa_seed0",
        "ctan_equal_seed0",
    ]
    assert [run.row for run in runs] == ["stl", "stl", "ctan_dwa", "ctan_equal"]
    assert runs[0].tasks == ("segmentation",)
    assert runs[2].tasks == ("segmentation", "dose")


def test_ablations_are_rows_of_their_own() -> None:
    (run,) = plan_runs(TRAIN, ["CTAN_without_CTAB"])
    assert (run.name, run.row) == ("ctan_without_ctab_dwa_seed0", "ctan_without_ctab_dwa")
    assert len(run.tasks) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weightings": ["DWB"]}, "--weightings DWB: unknown, expected one of DWA, uncertainty, equal"),
        ({"methods": ["HPS", "HPS"]}, "--methods: expected at least one and each once"),
        ({"seeds": []}, "--seeds: expected at least one"),
        ({"methods": ["cross"]}, "--methods cross: unknown, expected one of STL, HPS, MTAN, CTAN"),
    ],
)
def test_what_the_bundle_lacks(arguments: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        plan_runs(TRAIN, **arguments)
