# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Tables and plain words of a classification report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ctan_monai.reports.structures import display_name
from ctan_monai.reports.table import NOTHING, Table, number, table

__all__ = ["confusion_table", "error_table", "key_figures", "limits", "measure_table", "sentences"]

Figures = Mapping[str, Mapping[str, Any]]  # measure to classification_metrics()
_MOST_ERRORS = 10
_FEW = 100
_SURE = 0.5  # the own class was given at least this probability: no error


def key_figures(cases: int, figures: Figures, titles: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """The figures at the head of the page: title, number, unit."""
    shown = [(f"AUROC, {titles[name]}", number(f["auroc"], 3), _interval(f)) for name, f in figures.items()]
    return [("Cases", str(cases), ""), *shown]


def sentences(cases: int, figures: Figures, titles: Mapping[str, str]) -> list[str]:
    """The result in a few sentences."""
    found = []
    for name, f in figures.items():
        if f["auroc"] is None:
            found.append(f"{titles[name]}: the {f['n']} cases are of one class, so that there is no AUROC.")
            continue
        interval = f" (95 % interval {_interval(f)})" if f["low"] is not None else ""
        found.append(f"{titles[name]}: AUROC {number(f['auroc'], 3)}{interval} on {f['n']} cases.")
    return [f"{cases} cases were evaluated.", *found, "AUROC is 1 for a perfect order of the cases and 0.5 for chance."]


def measure_table(figures: Figures, titles: Mapping[str, str]) -> Table | None:
    """One row a measure."""
    rows = figures.values()
    columns = {
        "Measure": [titles[name] for name in figures],
        "Cases": [f["n"] for f in rows],
        "Classes": [", ".join(f"{count} {c}" for c, count in f["counts"].items()) for f in rows],
        "AUROC": [number(f["auroc"], 3) for f in rows],
        "95 % interval": [_interval(f) or NOTHING for f in rows],
        "Accuracy": [number(f["accuracy"], 3) for f in rows],
        "Balanced accuracy": [number(f["balanced_accuracy"], 3) for f in rows],
        "Recall": [", ".join(f"{c} {number(v, 3)}" for c, v in f["recall"].items()) for f in rows],
        "Brier score": [number(f.get("brier"), 3) for f in rows],
    }
    return table("Accuracy and recall: the most probable class counts", columns, text_columns=(0, 2, 7))


def confusion_table(figures: Mapping[str, Any], title: str) -> Table | None:
    """Rows: reference; columns: prediction."""
    names = list(figures["counts"])
    predicted = zip(names, zip(*figures["confusion_matrix"], strict=True), strict=True)
    return table(f"{title}: reference in rows, prediction in columns", {"": names, **dict(predicted)})


def error_table(
    rows: Mapping[str, Mapping[str, Any]], worst: Mapping[str, Sequence[tuple[str, float]]]
) -> Table | None:
    """The cases that were most surely given to a wrong class; None where there is none."""
    wrong = [(case_id, task, p) for task, cases in worst.items() for case_id, p in cases[:_MOST_ERRORS] if p < _SURE]
    columns = {
        "Case": [case_id for case_id, _, _ in wrong],
        "Task": [display_name(task) for _, task, _ in wrong],
        "Label": [rows[case_id][task] for case_id, task, _ in wrong],
        "Probability of that label": [number(p, 3) for _, _, p in wrong],
    }
    return table("Up to ten a task, the worst first", columns, text_columns=(0, 1))


def limits(cases: int, figures: Figures, titles: Mapping[str, str]) -> list[str]:
    """What the figures do not say."""
    found = []
    if cases < _FEW:
        found.append(f"{cases} cases are few: look at the intervals, not at the values alone.")
    if any(f["low"] is not None for f in figures.values()):
        found.append(
            "The intervals are percentiles over 1,000 resamples of the evaluated cases: they cover the choice of "
            "cases, not that of the training cases or seeds."
        )
    absent = [titles[n] for n, f in figures.items() if f["auroc"] is None]
    if absent:
        found.append(f"No AUROC where a class does not occur: {', '.join(absent)}.")
    found.append("Cases come from the same source as those of the training; elsewhere the figures will differ.")
    return found


def _interval(figures: Mapping[str, Any]) -> str:
    if figures["low"] is None:
        return ""
    return f"{number(figures['low'], 3)} to {number(figures['high'], 3)}"
