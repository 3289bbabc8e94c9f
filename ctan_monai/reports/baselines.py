# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Results of other methods, to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ctan_monai.utils.files import parse_json

__all__ = ["read_baselines"]


def read_baselines(paths: Sequence[Path | str], cases: str = "patients") -> list[dict[str, Any]]:
    """Read result files.

    Args:
        paths: JSON files with a `summary` as :func:`ctan_monai.metrics.summarize` gives it, a name (`name` or `title`;
            else the file's own) and perhaps `patients`, rows by case id. The `evaluation.json` of another run is one.
        cases: what is counted in the summary and listed in the file, `patients` or `images`.

    Returns:
        `name`, `summary` and `case_ids` (None if not known) of each.

    Raises:
        ValueError: if a file is missing or holds something else.
    """
    baselines = []
    for path in map(Path, paths):
        try:
            content = parse_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: cannot be read as the JSON results of a baseline ({error}).") from error
        summary = content.get("summary") if isinstance(content, dict) else None
        if not isinstance(summary, dict) or not {cases, "metrics"} <= set(summary):
            raise ValueError(
                f"{path}: holds no results, expected an object with 'summary' that has '{cases}' and 'metrics'; "
                "give a file written by an evaluation or by the baselines' tool."
            )
        rows = content.get(cases)
        baselines.append(
            {
                "name": str(content.get("name") or content.get("title") or path.stem),
                "summary": summary,
                "case_ids": set(rows) if isinstance(rows, dict) else None,
            }
        )
    return baselines
