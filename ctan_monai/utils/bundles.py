# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Where the bundles are: inside the installed package, or beside it in a clone of the repository."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import DataError

__all__ = ["bundle_folder", "bundle_names", "bundles_folder", "config_file", "places_of_installed"]

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "bundles"
_NO_OVERRIDES = ("train", "evaluate", "inference", "metadata", "training_ranges")
_OF_THE_BUNDLE = re.compile(r"\$@bundle_root \+ '/(.*)'")


def bundles_folder() -> Path:
    """The folder of the four bundles."""
    return _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "bundles"


def bundle_names() -> list[str]:
    """Names of the bundles; empty where there are none, as beside the wheel of a packed bundle."""
    return sorted(path.parent.name for path in bundles_folder().glob("*/configs"))


def bundle_folder(name: str) -> Path:
    """The folder of a bundle.

    Raises:
        DataError: there is no such bundle.
    """
    names = bundle_names()
    if name not in names:
        raise DataError(f"{name}: no such bundle. Give one of {', '.join(names)}.")
    return bundles_folder() / name


def config_file(bundle: str, name: str | Path) -> Path:
    """An override file: the bundle's own of that name, such as "cpu", or a path.

    Raises:
        DataError: there is neither.
    """
    configs = bundle_folder(bundle) / "configs"
    own = sorted(path.stem for path in configs.glob("*.json") if path.stem not in _NO_OVERRIDES)
    path = configs / f"{name}.json" if str(name) in own else Path(name)
    if not path.is_file():
        raise DataError(f"{name}: no such config file. Give a path, or one of the bundle's: {', '.join(own)}.")
    return path


def places_of_installed(config: Mapping[str, Any], root: str | Path) -> dict[str, str]:
    """Where a bundle of the installed package has its data and results: in the working directory.

    A clone has them in the clone: ``data``, ``runs`` and the bundle's ``models``, for which an installed bundle has
    ``runs/<bundle>``. A path that the user gave stays.

    Args:
        config: content of the bundle's config, with the user's values.
        root: the bundle's folder.

    Returns:
        id to path, of those that would lie in the package; empty for a bundle elsewhere.
    """
    folder = Path(root).resolve()
    if folder.parent != _INSTALLED:
        return {}
    places = {}
    for name in ("dataset_dir", "output_dir", "checkpoint"):
        if found := _OF_THE_BUNDLE.fullmatch(str(config.get(name))):
            beside = found[1].removeprefix("../../")
            own = Path("runs", folder.name, found[1].removeprefix("models").lstrip("/"))
            places[name] = str(own) if beside == found[1] else beside
    return places
