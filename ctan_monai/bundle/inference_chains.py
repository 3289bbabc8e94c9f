# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser

from .config_values import is_plain
from .data_values import as_data
from .workflow import read_config, running_workflow


def read_inference_chains(root: str | Path) -> dict[str, Callable[..., Any]]:
    """What inference does to an image before and after the network, for an evaluation that does the same.

    Args:
        root: the bundle's folder.

    Returns:
        "preprocessing" and "postprocessing" of ``inference.json``, with the running config's values (``spacing``, ...).
        They belong together: the second inverts the first.
    """
    config = read_config(root, "inference")
    workflow = running_workflow()
    running: Any = {} if workflow is None else workflow.parser.config
    values = {key: value for key, value in running.items() if key in config and is_plain(config[key])}
    parser = ConfigParser({**config, **values, "bundle_root": as_data(root)})
    return {name: parser.get_parsed_content(name) for name in ("preprocessing", "postprocessing")}
