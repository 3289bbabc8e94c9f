# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Trains and evaluates methods on one data set, and writes the paper's Table 2 of them, with its uncertainty.

Each run goes through the bundle's own commands. Interrupted, the same command goes on: finished runs are kept, a broken
one goes on from its checkpoint. The table is written anew after each run.

examples:
  ctan-monai compare --bundle openkbp --dataset_dir data/openkbp --output runs/openkbp --dry-run
  ctan-monai compare --bundle openkbp --dataset_dir data/openkbp --output runs/openkbp \\
      --config_file cpu --seeds 0 1 2 --reference paper
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from ctan_monai.utils.bundles import bundle_names, config_file
from ctan_monai.utils.command_line import exit_status

from .paths import refuse_missing


def parse(arguments: Sequence[str] | None, prog: str | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", required=True, choices=bundle_names())
    parser.add_argument("--dataset_dir", type=Path, required=True, help="prepared data (ctan-monai prepare)")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the runs and the table")
    parser.add_argument(
        "--results", type=Path, metavar="DIR", help="folder of the small result files (default: OUTPUT/results)"
    )
    parser.add_argument(
        "--methods",
        nargs="+",
        default=[],
        metavar="METHOD",
        help="such as CTAN or CTAN_without_CTAB; a wrong name lists all (default: the paper's four)",
    )
    parser.add_argument("--weightings", nargs="+", default=["DWA"], help="of the bundle's weightings")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument(
        "--config_file",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        help="overrides for all runs: files, or names of the bundle's, such as cpu",
    )
    parser.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="values for all runs"
    )
    parser.add_argument("--reference", choices=["paper"], help="put the paper's numbers beside ours")
    parser.add_argument("--baselines", nargs="+", type=Path, default=[], metavar="FILE", help="of the baselines' tools")
    parser.add_argument("--finished", action="store_true", help="write the table of the finished runs; train none")
    parser.add_argument("--dry-run", action="store_true", help="print the plan and an estimate of its time")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Command line; returns the exit status."""
    options = parse(arguments, prog)
    # a batch system's or a service's way to stop; by default the training in hand would go on without its parent
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return exit_status(lambda: _compare(options))


def _compare(options: argparse.Namespace) -> None:
    refuse_missing(options.dataset_dir, "Make prepared data with ctan-monai prepare.", "dataset folder")
    options.config_file = [config_file(options.bundle, path) for path in options.config_file]
    from ctan_monai.comparison.compare import compare

    compare(options)
