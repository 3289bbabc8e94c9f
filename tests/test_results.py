# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The README's figures are those of the committed tables, and these are those of the committed runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support import REPOSITORY

from ctan_monai.comparison import TaskMetric, comparison_metrics, comparison_table, read_result
from ctan_monai.comparison.render import method_title

RESULTS = REPOSITORY / "docs" / "results"
COMPARISONS = sorted(RESULTS.glob("comparison_*/table.json"))
TABLES = sorted(RESULTS.glob("*_*/table.json"))  # also of weightings and ablations


def metrics_of(table: Path) -> dict[str, TaskMetric]:
    # "comparison_<bundle>", and "_<backbone>" where there are several
    return comparison_metrics(table.parent.name.split("_")[1])


def section(name: str) -> str:
    """The part of the README that begins with a heading of the bundle, and of the backbone where it is named."""
    text = (REPOSITORY / "README.md").read_text()
    heading = r"[^\n]*".join(["### ", *map(re.escape, name.split("_"))])
    found = re.search(rf"^{heading}.*?(?=^##|\Z)", text, re.MULTILINE | re.DOTALL | re.IGNORECASE)
    assert found is not None, f"the README has no section of {name}"
    return found.group()


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.parent.name)
def test_a_table_is_of_its_runs(path: Path) -> None:
    content: dict[str, Any] = json.loads(path.read_text())
    runs = RESULTS / "runs" / path.parent.name.partition("_")[2]
    metrics = metrics_of(path)
    results = [read_result(json.loads((runs / f"{name}.json").read_text()), metrics) for name in content["runs"]]
    again = comparison_table(results, metrics)
    for row, stated in zip(again, content["rows"], strict=True):
        assert row["method"] == stated["method"]
        assert row["mean_difference"] == pytest.approx(stated["mean_difference"])
        for task in metrics:
            assert row["tasks"][task]["mean"] == pytest.approx(stated["tasks"][task]["mean"])
    assert all({"commit", "seed", "time", "machine"} <= set(run) for run in content["runs"].values())


@pytest.mark.parametrize("path", COMPARISONS, ids=lambda path: path.parent.name)
def test_the_readme_states_the_tables_figures(path: Path) -> None:
    text = section(path.parent.name.removeprefix("comparison_"))
    for row in json.loads(path.read_text())["rows"]:
        name = method_title(row["method"]).removesuffix(" (dwa)")
        line = next((line for line in text.splitlines() if line.startswith(f"| {name} |")), None)
        assert line is not None, f"no row of {name}"
        cells = line.split("|")
        for task, found in row["tasks"].items():
            assert any(cell.strip().startswith(f"{found['mean']:.2f}") for cell in cells), (name, task, found["mean"])
        if row["mean_difference"] is not None and row["method"] != "stl":
            assert f"{row['mean_difference']:+.2f}" in line, (name, row["mean_difference"])
