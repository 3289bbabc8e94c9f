# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Writers of result tables, as JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ctan_monai.files import write_atomic

__all__ = ["plain", "write_csv", "write_json", "write_per_patient_csv", "write_summary_csv"]


def plain(value: Any) -> Any:
    """A value as JSON has it: numpy's numbers and arrays as Python's, paths as text, NaN and infinity as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def write_json(path: Path | str, content: Any) -> Path:
    """Write `content` as JSON, atomically; a missing number is null, never NaN, which is no JSON.

    Returns:
        The path.
    """
    write_atomic(path, json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return Path(path)


def write_csv(path: Path | str, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write rows as CSV, atomically; a missing value is an empty cell.

    Args:
        path: the file.
        rows: columns are those of all rows, in order of first appearance; rows may lack some.

    Returns:
        The path.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    # the csv module writes None as an empty cell and a float with all its digits
    writer.writerows([plain(row) for row in rows])
    write_atomic(path, text.getvalue())
    return Path(path)


def write_per_patient_csv(path: Path | str, rows: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write one row a patient.

    Args:
        path: the file.
        rows: metrics by case id.

    Returns:
        The path.
    """
    return write_csv(path, [{"case_id": case_id, **row} for case_id, row in rows.items()])


def write_summary_csv(path: Path | str, summary: Mapping[str, Any]) -> Path:
    """Write a summary, one row a metric.

    Args:
        path: the file.
        summary: of :func:`ctan_monai.metrics.summarise`.

    Returns:
        The path. Columns: `metric`, `mean`, `std`, `n`. `dvh_score`, pooled over patients as the challenge does, comes
        last but for `missed_<organ>`, whose `n` is the number of patients in whom the organ was not found.
    """
    rows: list[dict[str, Any]] = [{"metric": name, **values} for name, values in summary["metrics"].items()]
    if summary.get("dvh_score") is not None:
        rows.append({"metric": "dvh_score", "mean": summary["dvh_score"], "n": summary["patients"]})
    rows += [{"metric": f"missed_{organ}", "n": count} for organ, count in summary.get("missed", {}).items()]
    return write_csv(path, rows)
