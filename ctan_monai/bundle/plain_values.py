# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from ctan_monai.bundle.workflow import running_workflow

WITH_ARGUMENTS = ("network_def", "optimizer")  # components whose arguments decide what was trained
_PLACES = ("dataset_dir", "output_dir", "bundle_root", "checkpoint")  # of this run on this machine


def plain_values() -> dict[str, Any]:
    """The values at the top of the running workflow's config, after all overrides, that are data and not expressions.

    A checkpoint is of use only together with these, such as ``backbone`` and ``size``: inference needs the same.

    Returns:
        id to its number, text or list, the arguments of network and optimizer as "network_def::<argument>" and
        "optimizer::<argument>"; folders are left out. Empty where no MONAI workflow is running.
    """
    workflow = running_workflow()
    config: Any = {} if workflow is None else workflow.parser.config
    nested = {f"{part}::{key}": v for part in WITH_ARGUMENTS for key, v in config.get(part, {}).items()}
    return {
        key: value
        for key, value in {**config, **nested}.items()
        if not key.startswith("_") and key not in _PLACES and value != [] and _is_plain(value)
    }


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return False
    if isinstance(value, list):
        return all(_is_plain(item) for item in value)
    return not (isinstance(value, str) and value.startswith(("$", "@", "%")))
