# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m monai.bundle run`` with a bundle's configs and the ids that the user gave."""

from __future__ import annotations

import difflib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ctan_monai.utils.bundles import bundle_folder, bundle_names, config_file
from ctan_monai.utils.command_line import exit_status
from ctan_monai.utils.errors import DataError

from .paths import refuse_missing

_OF_THE_RUNNER = ("args_file", "logging_file", "meta_file", "tracking")
_PATHS = {
    "dataset_dir": "Make prepared data with ctan-monai prepare.",
    "checkpoint": "Give the model.pt of a training.",
}


def run_bundle(
    run_id: str, last: Sequence[str], description: str | None, arguments: Sequence[str] | None, prog: str | None
) -> int:
    """Check a command line and hand it to MONAI's runner, which takes this process's place.

    Args:
        run_id: of the config, "training" or "evaluating".
        last: names of config files that come after the user's.
        description: for ``--help``.
        arguments: None: those of the process.
        prog: name of the command.

    Returns:
        exit status, of arguments that cannot be used; else this does not return.
    """
    names, ids = _split(sys.argv[1:] if arguments is None else arguments)
    if {"-h", "--help"} & set(ids) or not names:
        print(f"usage: {prog} BUNDLE [CONFIG ...] [--ID VALUE ...]\n\n{(description or '').strip()}\n")
        if names and names[0] in bundle_names():
            print(_ids_and_defaults(names[0]))
        else:
            print(
                f"BUNDLE is one of {', '.join(bundle_names())}. With BUNDLE, --help lists its ids and their defaults."
            )
        return 0 if ids else 2
    return exit_status(lambda: _run(run_id, names[0], [*names[1:], *last], ids))


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words before the first option, and the rest."""
    first = next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    return list(arguments[:first]), list(arguments[first:])


def _run(run_id: str, bundle: str, names: Sequence[str], ids: Sequence[str]) -> None:
    train = bundle_folder(bundle) / "configs" / "train.json"
    files = [train, *(train.with_name("evaluate.json") if n == "evaluate" else config_file(bundle, n) for n in names)]
    _check_ids(train, ids)
    command = [sys.executable, "-P", "-m", "monai.bundle", "run", run_id]
    command += ["--config_file", str([str(path.resolve()) for path in files]), *ids]
    sys.stdout.flush()
    # MONAI's notices (optional packages, "a config is code") would hide the progress bars
    os.execve(sys.executable, command, {"PYTHONWARNINGS": "ignore", **os.environ})


def _check_ids(train: Path, ids: Sequence[str]) -> None:
    """Refuse a mistyped id or path before MONAI is imported; the bundle itself checks the rest."""
    known: dict[str, Any] = json.loads(train.read_text())
    for word, following in zip(ids, [*ids[1:], ""], strict=False):
        if not word.startswith("--"):
            continue
        name, equals, value = word[2:].partition("=")
        top = name.partition("::")[0].partition("#")[0]
        if top not in known and top not in _OF_THE_RUNNER:
            near = difflib.get_close_matches(top, known, n=1)
            hint = f"Did you mean --{near[0]}?" if near else "--help lists them."
            raise DataError(f"--{name}: {train} has no such id. {hint}")
        path = value if equals else following
        if top in _PATHS and not path.startswith(("$", "@", "%")):
            refuse_missing(Path(path), _PATHS[top])


def _ids_and_defaults(bundle: str) -> str:
    """The plain values at the top of a bundle's train.json."""
    train = bundle_folder(bundle) / "configs" / "train.json"
    lines = [f"ids and defaults, of {train}:"]
    for name, value in json.loads(train.read_text()).items():
        if not name.startswith("_") and not isinstance(value, dict) and not str(value).startswith(("$", "@")):
            text = json.dumps(value)
            if "$" not in text and "@" not in text:
                lines.append(f"  --{name} {text}")
    return "\n".join(lines)
