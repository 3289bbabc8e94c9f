# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Writers of result tables as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .files import csv_text, plain, write_atomic

__all__ = ["write_csv", "write_per_patient_csv", "write_summary_csv"]


def write_csv(path: Path | str, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write :py:func:`ctan_monai.utils.files.csv_text`, atomically.

    Args:
        path: the file.
        rows: columns are those of all rows, in order of first appearance; rows may lack some.

    Returns:
        The path.
    """
    write_atomic(path, csv_text([plain(row) for row in rows]))
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
        summary: of :func:`ctan_monai.metrics.summarize`.

    Returns:
        The path. Columns: `metric`, `mean`, `std`, `n`. `dvh_score`, pooled over patients as the challenge does, comes
        last but for `missed_<organ>`, whose `n` is the number of patients in whom the organ was not found.
    """
    rows: list[dict[str, Any]] = [{"metric": name, **values} for name, values in summary["metrics"].items()]
    if summary.get("dvh_score") is not None:
        rows.append({"metric": "dvh_score", "mean": summary["dvh_score"], "n": summary["patients"]})
    rows += [{"metric": f"missed_{organ}", "n": count} for organ, count in summary.get("missed", {}).items()]
    return write_csv(path, rows)
