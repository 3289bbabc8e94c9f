# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The texts of a packed bundle, where some or all figures of its evaluation do not exist."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support import REPOSITORY

from ctan_monai.metrics import comparison_metrics, summarize
from ctan_monai.packing.packed_configs import packed_config, packed_metadata
from ctan_monai.packing.texts import evaluation_results, write_texts
from ctan_monai.utils.files import write_json

BUNDLES = ("openkbp", "prostate", "ham10000", "stoic")
RECORD = json.loads((REPOSITORY / "bundles" / "openkbp" / "models" / "ctan_small" / "training.json").read_text())
NOTHING = {"mean": None, "std": None, "n": 0}


def model_card(name: str, summary: dict[str, Any], folder: Path) -> str:
    """Writes the texts as packing does; returns the card."""
    bundle, root, training = REPOSITORY / "bundles" / name, folder / name, folder / "training"
    shutil.copytree(bundle / "docs", root / "docs")
    write_json(training / "evaluation" / "evaluation.json", {"summary": summary})
    values = {key: RECORD["values"][key] for key in ("method", "backbone", "stem")}
    tasks = json.loads((bundle / "configs" / "inference.json").read_text())["task_names"]
    record = {**RECORD, "values": {**values, "task_names": tasks}}
    rows = evaluation_results(summary, tasks, comparison_metrics(name))
    metadata = json.loads((bundle / "configs" / "metadata.json").read_text())
    config = packed_config(bundle / "configs" / "inference.json", record)
    metadata = packed_metadata(metadata, config, record, rows[0])
    write_json(root / "metadata.json", metadata)
    write_texts(root, {**metadata, "sha256": {}}, record, training, summary, rows[1], False, "x.zip")
    return (root / "docs" / "model_card.md").read_text()


def figures(name: str) -> list[str]:
    """Names of the figures of a bundle's evaluation."""
    metrics = comparison_metrics(name)
    return [key for metric in metrics.values() for key in (metric.metric, *metric.also.values())]


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("kept", [0, 1])
def test_figures_that_no_test_case_has(name: str, kept: int, tmp_path: Path) -> None:
    """Each other figure, or all: a structure that no test patient has, classes of which there is one alone."""
    known = {
        key: {"mean": 0.5, "std": None, "n": 3} if i % 2 < kept else NOTHING for i, key in enumerate(figures(name))
    }
    known |= {f"dvh_{kind}_left_femur_mean": NOTHING for kind in ("reference", "predicted", "error")}
    known |= {f"dvh_{kind}_rectum_mean": {"mean": 20.0, "std": 1.0, "n": 3} for kind in ("reference", "predicted")}
    known["dvh_error_rectum_mean"] = {"mean": 2.0, "std": None, "n": 3} if kept else NOTHING
    card = model_card(name, {"patients": 3, "metrics": known}, tmp_path)
    rows = [line.split(" | ") for line in card.splitlines() if line.startswith("| ") and line.endswith(" |")]
    results = [row for row in rows if row[0].removeprefix("| ") in comparison_metrics(name)]
    means = {row[2] for row in results}
    assert len(results) == len(figures(name)) and "-" in means
    assert (means == {"-"}) == (kept == 0)
    assert "None" not in "".join("".join(row) for row in rows) and "nan" not in card.split("## Results")[1]
    assert ("| rectum mean | 20.0 | 20.0 | 2.0 | 3 |" in card) == bool(kept)
    assert "| left femur mean |" not in card


def test_test_patients_without_one_of_the_structures(tmp_path: Path) -> None:
    """As the evaluation of a prostate network summarizes them."""
    cells = {
        f"dvh_{kind}_{name}_mean": None for kind in ("reference", "predicted", "error") for name in ("ctv", "rectum")
    }
    row = {"dice_rectum": 0.5, "hd95_rectum": None, "dice_ctv": None, "hd95_ctv": None, "mae_body": 1.25, **cells}
    summary = summarize([row, row])
    assert summary["metrics"]["dvh_error_ctv_mean"] == NOTHING
    card = model_card("prostate", summary, tmp_path)
    assert "Dose-volume figures" not in card and "| dose | MAE in the body (Gy) | 1.25 |" in card
