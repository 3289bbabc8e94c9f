# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from monai.bundle import ConfigParser
from support import REPOSITORY

from ctan_monai.comparison import plan_runs
from ctan_monai.errors import DataError

CONFIGS = REPOSITORY / "bundles" / "openkbp" / "configs"


def test_stl_is_one_network_a_task_and_seeds_are_the_outer_loop() -> None:
    names = [run.name for run in plan_runs(CONFIGS, seeds=[0, 1])]
    first = ["stl_segmentation_seed0", "stl_dose_seed0", "hps_dwa_seed0", "mtan_dwa_seed0", "ctan_dwa_seed0"]
    assert names == first + [name.replace("seed0", "seed1") for name in first]


def test_each_weighting_for_methods_with_several_tasks_only() -> None:
    runs = plan_runs(CONFIGS, ["stl", "ctan"], ["dwa", "equal"])
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
    (run,) = plan_runs(CONFIGS, ["ctan_without_ctab"])
    assert (run.name, run.row) == ("ctan_without_ctab_dwa_seed0", "ctan_without_ctab_dwa")
    assert len(run.tasks) == 2


@pytest.mark.parametrize("bundle", ["openkbp", "prostate", "ham10000", "stoic"])
@pytest.mark.parametrize(
    ("method", "cross", "ctab", "attended_skips"),
    [
        ("ctan_without_ctab", True, False, True),
        ("ctan_trunk_skips", True, False, False),
        ("mtan_with_ctab", False, True, True),
    ],
)
def test_ablations_are_what_they_say(bundle: str, method: str, cross: bool, ctab: bool, attended_skips: bool) -> None:
    folder = REPOSITORY / "bundles" / bundle / "configs"
    parser = ConfigParser()
    parser.read_config([str(folder / f"{name}.json") for name in ("train", "cpu", f"method_{method}")])
    network = parser.get_parsed_content("network_def")
    assert {stage.cross for stage in network.attention} == {cross}
    assert (network.bottleneck is not None, network.attended_skips) == (ctab, attended_skips)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weightings": ["dwb"]}, r"weighting_dwb.json: no such config of the bundle; it has weighting: dwa, equal"),
        ({"methods": ["hps", "hps"]}, "--methods: expected at least one and each once"),
        ({"seeds": []}, "--seeds: expected at least one"),
        ({"methods": ["cross"]}, "method_cross.json: no such config"),
        ({"methods": ["stl_dose"]}, "--methods stl_dose: has not all tasks. Give stl"),
    ],
)
def test_what_the_bundle_lacks(arguments: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        plan_runs(CONFIGS, **arguments)
