# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType

from ctan_monai.errors import DataError


def run_for_dataset(
    description: str | None, datasets: Mapping[str, tuple[str, ModuleType]], argv: Sequence[str] | None = None
) -> int:
    """A command line whose first argument names the data set: ``tool.py openkbp --output ...``.

    Args:
        description: of the tool, for ``--help``.
        datasets: name to (help, module with ``add_arguments(parser)`` and ``run(arguments)``).
        argv: arguments; None: those of the process.

    Returns:
        exit code, 0: done, 2: failed, with one line on standard error.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    subparsers = parser.add_subparsers(dest="dataset", required=True, metavar="dataset")
    for name, (text, module) in datasets.items():
        subparser = subparsers.add_parser(name, help=text, description=text)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except (DataError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
