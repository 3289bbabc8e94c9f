# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ctan_monai.bundle import recorded_values

# what is compared, and what does not belong to a training
_MAY_DIFFER = ("method", "tasks", "task_names", "weighting", "section", "seed")


def unequal_settings(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What differs between the trainings of a comparison beside the method: in a fair one, nothing.

    The command line is the same for all runs, but a bundle's defaults and the data may change between the first run and
    the last.

    Args:
        results: run to the content of its result file.

    Returns:
        one sentence for each such setting, naming its values and their runs.
    """
    found = {run: _settings(content) for run, content in results.items()}
    sentences = []
    for key in dict.fromkeys(key for settings in found.values() for key in settings):
        runs: dict[str, list[str]] = {}
        for run, settings in found.items():
            runs.setdefault(settings.get(key, "not recorded"), []).append(run)
        if len(runs) > 1:
            values = "; ".join(f"{value} in {', '.join(names)}" for value, names in runs.items())
            sentences.append(f"{key.replace('_', ' ')}: {values}.")
    for task in dict.fromkeys(task for content in results.values() for task in content["cases"]):
        cases: dict[frozenset[str], list[str]] = {}
        for run, content in results.items():
            if task in content["cases"]:
                cases.setdefault(frozenset(content["cases"][task]), []).append(run)
        if len(cases) > 1:
            values = "; ".join(f"{len(names)} in {', '.join(runs)}" for names, runs in cases.items())
            sentences.append(f"other test cases of {task}: {values}.")
    return sentences


def _settings(content: Mapping[str, Any]) -> dict[str, str]:
    training = content["training"]
    values = recorded_values(training)
    if "config" in training:  # version 0.1.0 stated some settings apart, the optimizer only where it was an override
        config = dict(training["config"])
        if "optimizer" not in config:
            config["optimizer"] = content.get("settings", {}).get("optimizer::_target_", "").rpartition(".")[2] or None
    else:
        config = {key: value for key, value in values.items() if not key.startswith("network_def::")}
        config["optimizer"] = config.pop("optimizer::_target_", "").rpartition(".")[2]
    data = training.get("data", {})
    amp = config.pop("amp", None)  # what was asked for; records of earlier versions have only that, always as a bool
    more = {
        "precision": training.get("precision", {True: "bfloat16", False: "float32"}.get(amp)),
        "max_epochs": training.get("max_epochs"),
        "weight_decay": values.get("weight_decay"),
        "data": data.get("name"),
        "cases": data.get("cases"),
        "split": data.get("split"),
        "split seed": data.get("seed"),
    }
    found = {key: value for key, value in config.items() if key not in _MAY_DIFFER} | more
    return {key: str(value) for key, value in found.items() if value is not None}
