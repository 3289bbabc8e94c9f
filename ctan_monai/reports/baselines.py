# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Results of other methods, to compare with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ctan_monai.utils.files import parse_json

from .table import Table, marked, mean_std, table

__all__ = ["comparison_table", "other_cases", "read_baselines"]


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
        name, rows = str(content.get("name") or content.get("title") or path.stem), content.get(cases)
        baselines.append({"name": name, "summary": summary, "case_ids": set(rows) if isinstance(rows, dict) else None})
    return baselines


def comparison_table(
    title: str,
    summary: Mapping[str, Any],
    baselines: Sequence[Mapping[str, Any]],
    cases: str,
    measures: Mapping[str, str],
    entry: Callable[[Mapping[str, Any], str], Mapping[str, Any]],
) -> Table | None:
    """This evaluation and others side by side, the best of each column marked; None without others.

    Args:
        title: of this evaluation.
        summary: of this evaluation.
        baselines: of :func:`read_baselines`.
        cases: what is counted, `patients` or `images`.
        measures: header to key; what no summary has is left out. Percentages are better where they are higher.
        entry: `mean` and perhaps `std` of a key in a summary.
    """
    if not baselines:
        return None
    summaries = [summary, *(baseline["summary"] for baseline in baselines)]
    columns: dict[str, Sequence[Any]] = {
        "Method": [f"This evaluation ({title})", *(baseline["name"] for baseline in baselines)],
        cases.capitalize(): [each[cases] for each in summaries],
    }
    for header, key in measures.items():
        entries = [entry(each, key) for each in summaries]
        means = [found.get("mean") for found in entries]
        if any(mean is not None for mean in means):
            percent = header.endswith("(%)")
            columns[header] = marked(
                [mean_std(found, 1 if percent else 2) for found in entries], means, percent, "best"
            )
    return table("Comparison; the best value of each column is marked", columns)


def other_cases(baselines: Sequence[Mapping[str, Any]], ids: Collection[str], cases: str) -> list[str]:
    """A sentence on each baseline that was measured on other cases."""
    return [
        f"{baseline['name']} was measured on other {cases}, so the comparison with it is only rough."
        for baseline in baselines
        if baseline["case_ids"] not in (None, set(ids)) or baseline["summary"][cases] != len(ids)
    ]
