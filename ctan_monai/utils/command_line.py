# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .errors import DataError, lack_of_resources, plain_cause, visible
from .quiet import quiet_libraries
from .zips import original_names


def exit_status(action: Callable[[], object], *also: type[Exception]) -> int:
    """Run a command's action; an error that its user can fix becomes one line on standard error.

    Args:
        action: what the command does.
        also: errors to report so beside DataError and OSError.

    Returns:
        exit code, 0: done, 2: failed, or what the error has as ``exit_status``.
    """
    plain: tuple[type[Exception], ...] = (DataError, OSError, *also)
    quiet_libraries()
    try:
        action()
    except Exception as error:
        cause = plain_cause(error)  # also of what goes wrong in a bundle's config
        message = lack_of_resources(cause)
        if message is None and not isinstance(cause, plain):
            raise
        print(f"error: {visible(original_names(message or str(cause)))}", file=sys.stderr)
        return cause.exit_status if isinstance(cause, DataError) else 2
    return 0


def run_for_dataset(
    description: str | None,
    datasets: Mapping[str, tuple[str, str]],
    add_arguments: Callable[[str, argparse.ArgumentParser], None],
    argv: Sequence[str] | None = None,
    prog: str | None = None,
    check: Callable[[argparse.Namespace], object] = lambda arguments: None,
) -> int:
    """A command line whose first argument names the data set: ``command openkbp --output ...``.

    Args:
        description: of the command, for ``--help``.
        datasets: name to (help, module with ``run(arguments)``); it is imported when its arguments are found good.
        add_arguments: adds those of a data set, by its name.
        argv: arguments; None: those of the process.
        prog: name of the command; None: the process's.
        check: of the arguments, before anything slow is imported.

    Returns:
        exit code, 0: done, 2: failed, with one line on standard error.
    """
    parser = argparse.ArgumentParser(
        prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    subparsers = parser.add_subparsers(dest="dataset", required=True, metavar="dataset")
    for name, (text, _) in datasets.items():
        add_arguments(name, subparsers.add_parser(name, help=text, description=text))
    arguments = parser.parse_args(argv)

    def run() -> None:
        check(arguments)
        importlib.import_module(datasets[arguments.dataset][1]).run(arguments)

    return exit_status(run)


def run_baselines(
    description: str | None,
    preparation: str,
    run: Callable[[Path, Path, str], Mapping[str, Any]],
    argv: Sequence[str] | None = None,
) -> int:
    """The command line of a data set's baselines, which prints their headline numbers as one line of JSON.

    Args:
        description: of the tool, for ``--help``.
        preparation: the command that makes the data.
        run: takes the folder of the prepared data, that of the results, and the section; returns the headline numbers.
        argv: arguments; None: those of the process.

    Returns:
        exit code, see :py:func:`exit_status`.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset_dir", type=Path, required=True, help=f"prepared data ({preparation})")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for the results; is made")
    parser.add_argument("--section", default="test", choices=("test", "validation"), help="cases to evaluate")
    options = parser.parse_args(argv)
    return exit_status(lambda: print(json.dumps(run(options.dataset_dir, options.output, options.section))))
