# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import io
from importlib.resources import files
from typing import Any


def paper_rows(dataset: str | None = None) -> list[dict[str, Any]]:
    """The paper's Table 2 as it is printed, one row a data set, method and task.

    Args:
        dataset: "prostate", "openkbp", "ham10000" or "stoic"; None: all.

    Returns:
        rows with ``dataset``, ``method``, ``task``, ``metric``, ``value``, ``difference`` and ``mean_difference`` (%;
        None for STL) and ``rank``. Percentages, except that MAE is in Gy.
    """
    text = files("ctan_monai.comparison").joinpath("paper_table2.csv").read_text()
    rows: list[dict[str, Any]] = []
    for row in csv.DictReader(io.StringIO(text)):
        if dataset in (None, row["dataset"]):
            numbers = {k: float(row[k]) if row[k] else None for k in ("value", "difference", "mean_difference")}
            rows.append({**row, **numbers, "rank": int(row["rank"])})
    return rows
