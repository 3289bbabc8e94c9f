# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What a packed bundle says about itself: README, model card, results."""

from __future__ import annotations

import math
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ctan_monai.bundle.data_values import code_in
from ctan_monai.metrics import TaskMetric, metric_value
from ctan_monai.reports.radiotherapy.measures import DOSE_MEASURES
from ctan_monai.reports.training_curves import read_log
from ctan_monai.utils.errors import DataError, content_of
from ctan_monai.utils.files import parse_json, write_atomic

__all__ = ["evaluation_results", "evaluation_summary", "write_texts"]

LIMITS_NAME = "limits.md"
SUMMARY_NAME = "evaluation_summary.csv"
_MEANINGS = {
    "dice": "Overlap of predicted and reference volume, 100 % if equal; by case in 3-D (a photograph: in 2-D) on its "
    "own grid, mean over the structures that it has, then over cases. What was missed counts 0.",
    "jaccard": "Intersection over union of predicted and reference mask.",
    "accuracy": "Share of cases whose most probable class is right.",
    "balanced_accuracy": "Mean over classes of the share that was recognized: rare classes count like frequent ones.",
    "auroc": "Area under the ROC curve: 50 % is chance.",
    **{measure.key: measure.meaning for measure in DOSE_MEASURES},
}
_ABOUT_THE_DOCS = (
    "> This page describes the bundle as it is in its repository, with the defaults of its configs. The network in "
    "this zip may be another, was trained otherwise and needs no overrides: see [model_card.md](model_card.md). "
    "Commands with `bundles/` or `tools/` need the repository; to run the network in this zip, see "
    "[README.md](../README.md) one folder up.\n"
)


def evaluation_summary(training_dir: Path) -> dict[str, Any]:
    """The ``summary`` of a training's ``evaluation/evaluation.json``; empty where it was not evaluated.

    Raises:
        DataError: it has what MONAI's parser, which reads the bundle's metadata, would run or look up.
    """
    path = training_dir / "evaluation" / "evaluation.json"
    with content_of(path, "Evaluate again."):
        summary = dict(parse_json(path.read_text())["summary"]) if path.is_file() else {}
    for name, value in summary.items():
        if code := code_in({name: value}):
            raise DataError(f"{path}: the value of 'summary: {name}' has {code}: expected numbers. Evaluate again.")
    return summary


def evaluation_results(
    summary: Mapping[str, Any], tasks: Sequence[str], metrics: Mapping[str, TaskMetric]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the evaluation of a training found on its test cases.

    Args:
        summary: of :py:func:`evaluation_summary`.
        tasks: of the network.
        metrics: task to the metric by which the bundle's methods are compared.

    Returns:
        "<task>: <title>" to value, and the number of test cases; and the same as rows with ``task``, ``title``,
        ``mean``, ``std`` and ``n`` (over cases; None where the metric is not a mean over cases) and ``meaning``. Both
        empty where there was no evaluation.
    """
    if not summary:
        return {}, []
    cases = summary.get("patients", summary.get("images"))
    results: dict[str, Any] = {"test cases": cases}
    rows = []
    for task in tasks:
        metric = metrics[task]
        for title, name in {metric.title: metric.metric, **metric.also}.items():
            value = metric_value(summary, metric, name)
            found = summary.get("metrics", {}).get(name, {})
            std = found.get("std")
            results[f"{task}: {title}"] = value
            rows.append(
                {
                    "task": task,
                    "title": title,
                    "mean": value,
                    "std": None if std is None or not math.isfinite(std) else std * metric.scale,
                    "n": found.get("n", cases),
                    "meaning": _meaning(name),
                }
            )
    return results, rows


def write_texts(
    root: Path,
    metadata: Mapping[str, Any],
    record: Mapping[str, Any],
    training_dir: Path,
    evaluation: Mapping[str, Any],
    rows: list[dict[str, Any]],
    half: bool,
    zip_name: str,
    zoo: bool = False,
) -> None:
    """Write README.md, docs/model_card.md and the evaluation's summary, and say in docs/README.md what it is about.

    Args:
        root: folder of the packed bundle.
        metadata: the packed ``metadata.json``.
        record: the training's record.
        training_dir: its folder; a ``limits.md`` in it (what these weights are not good for) goes into the model card.
        evaluation: of :py:func:`evaluation_summary`.
        rows: of :py:func:`evaluation_results`.
        half: whether the weights are stored in half precision.
        zip_name: of the file that the recipient gets.
        zoo: of the form of MONAI's model zoo, which has no README for a recipient.
    """
    environment = Environment(
        loader=PackageLoader("ctan_monai.packing"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    licence = record["data"].get("licence", "")
    limits = training_dir / LIMITS_NAME
    if limits.is_file():  # for the page of each patient, too
        shutil.copyfile(limits, root / "docs" / LIMITS_NAME)
    summary = training_dir / "evaluation" / "summary.csv"
    if rows and summary.is_file():
        shutil.copyfile(summary, root / "docs" / SUMMARY_NAME)
    log = read_log(training_dir / "validation_log.csv")
    # of epochs with the same score, the last one's weights are kept
    scored = [(score, int(epoch)) for score, epoch in zip(log.get("score", []), log.get("epoch", []), strict=False)]
    scored = [pair for pair in scored if not math.isnan(pair[0])]
    content = {
        "metadata": metadata,
        "name": metadata["bundle_name"],
        "zip_name": zip_name,
        "licence": licence,
        "non_commercial": bool(re.search(r"\bNC\b|non-?commercial", licence, re.IGNORECASE)),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "torch": version("torch").partition("+")[0],
        "labels": _labels(metadata),
        "optimizer": _optimizer(record),
        "best": (max(scored)[1], int(log["epoch"][-1]), max(scored)[0]) if scored else None,
        "half": half,
        "rows": rows,
        "meanings": _meanings(rows),
        "dose_volume": _dose_volume(evaluation),
        "summary": SUMMARY_NAME if rows and summary.is_file() else "",
        "limits": limits.read_text().strip() if limits.is_file() else "",
    }
    templates = {"model_card.md.j2": "docs/model_card.md"} | ({} if zoo else {"recipient.md.j2": "README.md"})
    for template, name in templates.items():
        write_atomic(root / name, environment.get_template(template).render(**content))
    docs = root / "docs" / "README.md"
    about = _ABOUT_THE_DOCS if not zoo else _ABOUT_THE_DOCS.partition("; to run")[0] + ".\n"
    write_atomic(docs, f"{about}\n{docs.read_text()}")


def _optimizer(record: Mapping[str, Any]) -> str:
    name: str = record["values"].get("optimizer::_target_", "").rpartition(".")[2]
    return name or record.get("config", {}).get("optimizer", "")  # of a record of version 0.1.0


def _meaning(name: str) -> str:
    """One line on a metric: of its own name, or of the family it belongs to ("auroc_covid", "diagnosis::accuracy")."""
    name = name.rpartition("::")[2].removeprefix("macro_")
    return _MEANINGS.get(name) or next((_MEANINGS[key] for key in _MEANINGS if name.startswith(f"{key}_")), "")


def _meanings(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Titles of what means the same, to what it means."""
    titles: dict[str, list[str]] = {}
    for row in rows:
        if row["meaning"] and row["title"] not in titles.setdefault(row["meaning"], []):
            titles[row["meaning"]].append(row["title"])
    return {", ".join(names): meaning for meaning, names in titles.items()}


def _labels(metadata: Mapping[str, Any]) -> str:
    """ "1 brainstem, 2 spinal cord": the values of the label map; empty where there is none."""
    outputs = metadata["network_data_format"]["outputs"]
    names = outputs.get("segmentation", {}).get("channel_def", {})
    return ", ".join(f"{value} {name}" for value, name in names.items() if value != "0")


def _dose_volume(evaluation: Mapping[str, Any]) -> list[tuple[str, float, float, float, int]]:
    """Dose-volume figures: what, planned, predicted and mean absolute error in Gy, number of patients."""
    metrics = evaluation.get("metrics", {})
    found = []
    for key, planned in metrics.items():
        figure = key.removeprefix("dvh_reference_")
        predicted, error = (metrics.get(f"dvh_{kind}_{figure}") for kind in ("predicted", "error"))
        if figure == key or not predicted or not error:
            continue
        means = [row.get("mean") for row in (planned, predicted, error)]
        if None not in means:  # a structure that no test patient has
            found.append((figure.replace("_", " "), *means, error["n"]))
    return found
