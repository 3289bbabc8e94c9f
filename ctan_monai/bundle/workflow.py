# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import difflib
import inspect
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser, ConfigWorkflow
from monai.bundle.utils import DEFAULT_EXP_MGMT_SETTINGS

from ctan_monai.utils.bundles import places_of_installed
from ctan_monai.utils.quiet import quiet_libraries

from .command_paths import is_bundle_command, refuse_changed_paths
from .data_values import as_data
from .error_report import show_cause_last
from .label_training import refuse_label_list
from .value_types import typed_values

# Ids of earlier versions, which a script may still give, and what is there now.
_MOVED = {
    "gradient_interval": "give --diagnostics True; the interval is train::named_handlers::gradient_conflict::interval",
    "severity_of": "severity counts among COVID-positive patients in loss, validation and comparison alike",
    "settings": "the records hold all plain values of the config",
    "comparison": "the metrics of a comparison stand in ctan_monai/metrics/compared.py",
}
# What MONAI itself adds to a config for experiment tracking, and federated learning for the name of a run.
_SETTINGS: list[Any] = list(DEFAULT_EXP_MGMT_SETTINGS.values())
TRACKING = {name for settings in _SETTINGS for name in settings["configs"]}
_OPEN = ("weightings", "named_handlers")  # a config may add components of its own to these


def running_workflow() -> ConfigWorkflow | None:
    """The MONAI workflow that is evaluating the expression this is called from, if any.

    MONAI gives expressions no access to their workflow, neither to the folder of its config files nor to the overrides,
    and both are needed: the first to find the bundle, the second to find typing errors in overrides, which MONAI takes
    silently. The call stack knows it.
    """
    frame = inspect.currentframe()
    while frame is not None:
        candidate = frame.f_locals.get("self")
        if isinstance(candidate, ConfigWorkflow):
            return candidate
        frame = frame.f_back
    return None


def bundle_root(name: str) -> str:
    """The folder of the bundle whose config is being run.

    In this order: the folder above the config files of the running MONAI workflow; the folders of Python's search path,
    where MONAI Deploy puts a bundle's; the working directory, if it is the bundle; ``bundles/<name>`` below it.

    Args:
        name: the bundle's name in its metadata, such as "openkbp".

    Raises:
        FileNotFoundError: none of these is the bundle; the message says to give ``--bundle_root``.
    """
    candidates = [*map(Path, sys.path), Path("."), Path("bundles") / name]
    workflow = running_workflow()
    if workflow is not None and getattr(workflow, "config_root_path", None) is not None:
        if is_bundle_command():  # another program keeps its own report of errors
            show_cause_last()
        root = Path(workflow.config_root_path)
        root = root if root.name else root.resolve()  # "." within configs
        candidates.insert(0, root.parent if root.name == "configs" else root)
    for candidate in candidates:
        if _config_file(candidate, "metadata") and read_config(candidate, "metadata").get("bundle_name") == name:
            return str(candidate)
    raise FileNotFoundError(
        f"the bundle '{name}' is neither in the working directory nor in 'bundles/{name}': run from the repository "
        "root or from inside the bundle, or give its folder with --bundle_root."
    )


def read_config(root: str | Path, name: str) -> dict[str, Any]:
    """A config of a bundle as it is written, JSON or YAML.

    Args:
        root: the bundle's folder.
        name: without the suffix, such as "train".

    Raises:
        FileNotFoundError: there is none.
    """
    path = _config_file(Path(root), name)
    if path is None:
        raise FileNotFoundError(f"{Path(root) / 'configs'}: has no {name}.json, .yaml or .yml.")
    config: dict[str, Any] = ConfigParser.load_config_file(path)
    return config


def _config_file(root: Path, name: str) -> Path | None:
    files = [root / "configs" / f"{name}.{suffix}" for suffix in ConfigParser.suffixes]
    return next((file for file in files if file.is_file()), None)


def check_overrides(root: str | Path, config: str = "train.json") -> None:
    """Refuse override ids that the bundle's own config does not know, and values of another type than its own.

    MONAI accepts a mistyped id silently as a new one, and the run then goes on without the override. Ids are compared
    at the top level and inside plain dictionaries; below a ``_target_`` the component itself checks its arguments.
    Values that the command line's parser left as text, such as "false", get their type here (``typed_values``), and
    data and results of an installed bundle their place in the working directory (``places_of_installed``).

    Args:
        root: the bundle's folder.
        config: the complete config whose ids are known.

    Raises:
        ValueError: unknown ids, each with the nearest known one, or with what an id of an earlier version became; a
            value of the wrong type; a path that MONAI reads as another one, see :py:func:`refuse_changed_paths`; or
            MONAI Label's training data, see :py:func:`refuse_label_list`.
    """
    workflow = running_workflow()
    if workflow is None:
        return
    if is_bundle_command():
        show_cause_last()  # also where bundle_root() is not called, for the folder is given
    refuse_changed_paths()
    quiet_libraries()
    refuse_label_list(workflow.parser.config, root)  # type: ignore[arg-type]
    known = read_config(root, Path(config).stem)
    config_now: Any = workflow.parser.config
    moved = [f"'{name}': {now}" for name, now in _MOVED.items() if name in config_now and name not in known]
    if isinstance(config_now.get("weighting"), dict):
        names = ", ".join(known["weightings"])
        moved.append(f"'weighting' is a name, one of {names}: put a component of your own into weightings::<name>")
    if moved:
        raise ValueError(f"this version has no such override: {'; '.join(moved)}.")
    unknown = [i for i in _unknown(config_now, known) if i not in {"_meta_", *TRACKING}]
    if unknown:
        ids = list(_ids(known))
        hints = []
        for name in unknown:
            near = difflib.get_close_matches(name, ids, n=1)
            hints.append(f"'{name}'" + (f" (did you mean '{near[0]}'?)" if near else ""))
        raise ValueError(
            f"unknown override {', '.join(hints)}: {Path(root) / 'configs' / config} has no such id. Its values to "
            "override stand at its top."
        )
    changed = {**typed_values(config_now, known), **places_of_installed(config_now, root)}
    for name, value in changed.items():
        workflow.parser[name] = as_data(value)
    if changed:
        workflow.parser.parse(reset=True)


def _ids(config: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        yield prefix + key
        if isinstance(value, dict) and "_target_" not in value:
            yield from _ids(value, f"{prefix}{key}::")


def _unknown(config: Mapping[str, Any], known: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        if key not in known:
            if not prefix.endswith(tuple(f"{name}::" for name in _OPEN)):
                yield prefix + key
        elif isinstance(value, dict) and isinstance(known[key], dict) and "_target_" not in known[key]:
            yield from _unknown(value, known[key], f"{prefix}{key}::")
