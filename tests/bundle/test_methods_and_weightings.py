# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Each method and each weighting in each bundle: trained by its name, then evaluated and applied without it."""

from __future__ import annotations

import json
from itertools import cycle
from pathlib import Path

import pytest
from support import REPOSITORY, bundle_run

from ctan_monai.networks import METHODS

BUNDLES = {  # the fixture of its prepared phantom, inputs of inference below the folder above it, more values
    "openkbp": ("phantom", "prepared/test/*/ct.nii", ["--batch_size", "16"]),
    "prostate": ("prostate_phantom", "prepared/cases/*/original/ct.nii.gz", ["--batch_size", "16"]),
    "ham10000": ("ham10000_phantom", "release/*/*.jpg", []),
    "stoic": ("stoic_phantom", "*/volumes/*.nii", ["--slices", "2", "--batch_size", "8"]),
}
WEIGHTINGS = ("DWA", "uncertainty", "equal")
IN_MAKE_TEST = ("openkbp", "MTAN", "uncertainty")
CASES = [
    pytest.param(
        bundle, method, weighting, marks=[] if (bundle, method, weighting) == IN_MAKE_TEST else pytest.mark.slow
    )
    for bundle in BUNDLES
    for method, weighting in zip(METHODS, cycle(("equal", "DWA", "uncertainty")), strict=False)
]


def test_the_cases_cover_all(repository: Path) -> None:
    for bundle in BUNDLES:
        train = json.loads((repository / "bundles" / bundle / "configs" / "train.json").read_text())
        assert tuple(train["weightings"]) == WEIGHTINGS
        assert {p.values[2] for p in CASES if p.values[0] == bundle} == set(WEIGHTINGS)
        assert {p.values[1] for p in CASES if p.values[0] == bundle} == set(METHODS)
    assert IN_MAKE_TEST in [p.values for p in CASES]


@pytest.mark.parametrize(("bundle", "method", "weighting"), CASES)
def test_trained_by_name_then_evaluated_and_applied_without_it(
    bundle: str, method: str, weighting: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    fixture, inputs, more = BUNDLES[bundle]
    data: Path = request.getfixturevalue(fixture)
    tasks = json.loads((REPOSITORY / "bundles" / bundle / "configs" / "train.json").read_text())["task_names"]
    if method == "STL":
        tasks = tasks[:1]
        more = [*more, "--task_names", str(tasks)]
    run = ["--dataset_dir", str(data), "--output_dir", str(tmp_path), "--num_workers", "0"]
    names = ["--method", method, "--weighting", weighting]
    bundle_run(bundle, "training", ["train", "smoke"], *run, *names, *more, "--max_epochs", "1")
    record = json.loads((tmp_path / "training.json").read_text())
    assert (record["values"]["method"], record["values"]["weighting"]) == (method, weighting)
    assert (record["values"]["task_names"], "config" in record) == (tasks, False)

    bundle_run(bundle, "evaluating", ["train", "evaluate"], *run)
    evaluation = json.loads((tmp_path / "evaluation" / "evaluation.json").read_text())
    assert evaluation["provenance"]["config"]["method"] == method
    assert evaluation["provenance"]["config"]["section"] == "test"

    image = sorted(data.parent.glob(inputs))[0]
    output = ["--dataset_dir", str(image), "--output_dir", str(tmp_path / "results")]
    bundle_run(bundle, "inferring", ["inference"], *output, "--checkpoint", str(tmp_path / "model.pt"))
    assert len(list((tmp_path / "results").iterdir())) >= 2
