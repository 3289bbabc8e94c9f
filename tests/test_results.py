# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The figures that people read are those of the committed tables, and these are those of the committed runs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support import REPOSITORY

from ctan_monai.comparison import comparison_table, read_result, table_rows
from ctan_monai.metrics import TaskMetric, comparison_metrics

RESULTS = REPOSITORY / "docs" / "results"
COMPARISONS = sorted(RESULTS.glob("comparison_*/table.json"))
PAGE = RESULTS / "beside-the-paper.md"
TABLES = sorted(RESULTS.glob("*_*/table.json"))  # also of weightings and ablations


def metrics_of(table: Path) -> dict[str, TaskMetric]:
    # "comparison_<bundle>", and "_<backbone>" where there are several
    return comparison_metrics(table.parent.name.split("_")[1])


def section(name: str) -> str:
    """The part of the page that begins with a heading of the bundle, and of the backbone where it is named."""
    heading = r"[^\n]*".join(["## ", *map(re.escape, name.split("_"))])
    found = re.search(rf"^{heading}.*?(?=^##|\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL | re.IGNORECASE)
    assert found is not None, f"{PAGE} has no section of {name}"
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
def test_the_page_states_the_tables_figures(path: Path) -> None:
    """Values, differences to STL, intervals and p, of the methods and of the trivial baseline, in their columns."""
    text = section(path.parent.name.removeprefix("comparison_"))
    content, metrics = json.loads(path.read_text()), metrics_of(path)
    names = {row["method"] for row in table_rows(content["rows"], metrics)}
    for row in table_rows(content["rows"], metrics, None, content["baselines"][:1]):
        name = row["method"].removesuffix(" (dwa)")
        stated = []
        for task, metric in metrics.items():
            value = row[f"{task}: {metric.title}"]
            difference = next(cell for column, cell in row.items() if column.startswith(f"{task}: difference to STL"))
            stated.append(f"{value} ({difference})" if difference else value)
        line = next((line for line in text.splitlines() if f"| {' | '.join(stated)} |" in line), None)
        assert line is not None, f"no row with {stated}"
        if row["method"] in names:
            assert line.startswith(f"| {name} |")
            assert name == "STL" or line.split("|")[4].strip().startswith(row["mean relative (%)"])
