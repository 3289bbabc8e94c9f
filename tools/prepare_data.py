# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Turns a data set's official release into prepared data (volumes and datalist.json), which the bundles read.

    python tools/prepare_data.py openkbp --source provided-data --output data/openkbp

Interrupted or repeated, it goes on where it stopped. Exit code 0: done (skipped patients are listed); 2: failed.
"""

from __future__ import annotations

import argparse
import sys

from ctan_monai.data import openkbp_prepare
from ctan_monai.data.errors import DataError

# name -> (help, module with add_arguments(parser) and run(arguments))
DATASETS = {
    "openkbp": ("OpenKBP: head-and-neck CT, organs at risk and dose (sparse CSV files)", openkbp_prepare),
}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    subparsers = parser.add_subparsers(dest="dataset", required=True, metavar="dataset")
    for name, (text, module) in DATASETS.items():
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


if __name__ == "__main__":
    sys.exit(main())
