# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A bundle's configs with the values of one training written into them: such a bundle needs no overrides."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ctan_monai.bundle.config_values import STATED, WITH_ARGUMENTS, check_record
from ctan_monai.bundle.data_values import as_data
from ctan_monai.bundle.training_record import recorded_values
from ctan_monai.transforms import channel_names
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import read_training_record

__all__ = ["packed_config", "packed_metadata", "read_record"]

_GRID_IDS = ("size", "image_size", "roi_size")  # of an image as the network gets it, by bundle


def read_record(folder: Path) -> dict[str, Any]:
    """The training's own record of its settings and data, ``training.json``.

    Raises:
        DataError: it is missing, of a version that did not write down what inference needs, or holds more than data.
    """
    record = read_training_record(folder)
    if record is None:
        raise DataError(
            f"{folder / 'training.json'}: no such file. It is written beside the checkpoint when training starts and "
            "says with which settings; give the training's folder with --training_dir."
        )
    if not record.get("values") or not record.get("data"):
        raise DataError(
            f"{folder / 'training.json'}: has no 'values' and 'data': it was written by an earlier version "
            f"({record.get('version', 'unknown')}). Train with this version."
        )
    check_record(record, folder / "training.json")
    return record


def packed_config(path: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """A complete config of the bundle, with method and values of a training in place of its defaults.

    Args:
        path: ``train.json`` or ``inference.json``.
        record: the training's record.
    """
    config: dict[str, Any] = json.loads(path.read_text())
    for key, value in recorded_values(record).items():
        part, _, argument = key.rpartition("::")
        if part in WITH_ARGUMENTS:
            if part in config:  # there is no optimizer in inference.json
                config[part][argument] = as_data(value)
        elif key in config:
            config[key] = as_data(value)
    config["network_def"]["pretrained"] = False  # the weights are in the zip
    return config


def packed_metadata(
    metadata: Mapping[str, Any],
    config: Mapping[str, Any],
    record: Mapping[str, Any],
    results: Mapping[str, Any],
) -> dict[str, Any]:
    """The bundle's metadata with what was trained, on what, and how well it does.

    Args:
        metadata: of the bundle.
        config: the packed ``inference.json``.
        record: the training's record.
        results: metric to value on the test cases; empty where it was not evaluated.
    """
    packed = json.loads(json.dumps(metadata))
    size = next((config[key] for key in _GRID_IDS if key in config), None)
    formats = packed["network_data_format"]
    tasks = config["task_names"]
    outputs = {name: value for name, value in formats["outputs"].items() if name == "pred" or name in tasks}
    if "pred" in outputs:  # the primary task; without it, the task that there is
        primary = formats["outputs"]["pred"]
        alike = [task for task in tasks if formats["outputs"][task] == primary]
        whole = set(tasks) == set(config.get("available_tasks", tasks))  # "pred" may be all tasks together
        outputs["pred"] = primary if whole or alike else formats["outputs"][tasks[0]]
    formats["outputs"] = outputs
    for value in [*formats["inputs"].values(), *outputs.values()]:
        if size is not None and "spatial_shape" in value and len(value["spatial_shape"]) == len(size):
            value["spatial_shape"] = list(size)
    if "windows" in config:  # the radiotherapy bundles, whose input has options
        options = {key: config[key] for key in ("targets", "context", "position") if key in config}
        names = channel_names(config["windows"], **options)
        formats["inputs"]["image"]["num_channels"] = len(names)
        formats["inputs"]["image"]["channel_def"] = {str(number): name for number, name in enumerate(names)}
        packed["task"] += " and targets with their prescribed doses" if options.get("targets") else " alone"
    packed["eval_metrics"] = dict(results)
    packed["training"] = {key: record[key] for key in STATED if key in record} | {"config": recorded_values(record)}
    packed["training_data"] = {key: value for key, value in record["data"].items() if key != "statistics"}
    result: dict[str, Any] = packed
    return result
