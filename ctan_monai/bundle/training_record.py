# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A training's own record, ``training.json`` beside its checkpoint, from which its network is built again."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ctan_monai.networks import METHODS
from ctan_monai.utils.files import read_training_record
from ctan_monai.utils.switches import as_switch

from .config_values import PLACES, check_record
from .data_values import as_data
from .workflow import read_config, running_workflow

__all__ = ["recorded_values", "use_training_record"]

logger = logging.getLogger(__name__)

# ids of how and where a training ran, not of what was trained
_OF_A_RUN = (
    *(*PLACES, "resume", "num_workers", "amp", "max_epochs", "diagnostics", "gradient_interval", "use_record"),
    *("start_from", "compile"),
)
_NETWORKS = "ctan_monai.networks."
_WEIGHTINGS = {"DynamicWeightAverage": "DWA", "UncertaintyWeighting": "uncertainty", "EqualWeights": "equal"}


def recorded_values(record: Mapping[str, Any]) -> dict[str, Any]:
    """The values that decided what was trained, by today's ids.

    Where a training named a class of ours (``network_def::_target_``, in version 0.1.0 the only way), the method of
    that name stands in its place. The weighting was then a class, too, stated under ``config``.

    Args:
        record: content of ``training.json``.

    Returns:
        id to value, as :py:func:`ctan_monai.bundle.plain_values` collected them, without those of the run alone.
    """
    values = {key: value for key, value in record.get("values", {}).items() if key not in _OF_A_RUN}
    network = str(values.get("network_def::_target_", ""))
    if network.startswith(_NETWORKS) and network.removeprefix(_NETWORKS) in METHODS:
        values["method"] = network.removeprefix(_NETWORKS)
        del values["network_def::_target_"]
    weighting = record.get("config", {}).get("weighting")
    if "weighting" not in values and weighting in _WEIGHTINGS:
        values["weighting"] = _WEIGHTINGS[weighting]
    return values


def use_training_record(root: str | Path, checkpoint: str | Path, use: bool = True) -> None:
    """Give the running config the values with which a checkpoint was trained: method, tasks, backbone, image size.

    A value that the command line or an override file changed stays as it was given. Where no record lies beside the
    checkpoint, as in a packed bundle, whose configs have these values already, nothing is changed.

    Args:
        root: the bundle's folder.
        checkpoint: the trained weights.
        use: False leaves the config as it is.

    Raises:
        DataError: the record cannot be read, or holds what is not data.
        ValueError: the network was of a class of the user's own.
    """
    workflow = running_workflow()
    path = Path(checkpoint).parent / "training.json"
    record = read_training_record(path.parent)
    if not as_switch("use_record", use) or workflow is None or record is None:
        return
    parser: Any = workflow.parser
    name = "train" if "train" in parser.config else "inference"
    default = read_config(root, name)
    values = recorded_values(record)
    network = values.pop("network_def::_target_", None)  # a class of the user's own: only they can say what it is
    check_record({**record, "values": values}, path)
    if network is not None and parser.get("network_def::_target_") == default["network_def"]["_target_"]:
        raise ValueError(f"{path}: the network is of the class {network}. Give it again with --network_def::_target_.")
    taken = {}
    for key, value in values.items():
        part, _, argument = key.rpartition("::")
        own = default.get(part, {}) if part else default
        # a network that the caller has set has no arguments in the config any more
        known = isinstance(parser.get(part), Mapping) if part == "network_def" else not part and key in default
        if known and parser.get(key) == own.get(argument) != value:
            taken[key] = value
    if taken:
        parser.update(as_data(taken))
        parser.parse(reset=True)
        logger.info("%s: %s", path, ", ".join(f"{key} {value}" for key, value in taken.items()))
