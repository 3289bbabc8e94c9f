# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Writes synthetic data in the layout of a data set's official release, to try everything without the real data.

    python tools/make_phantom.py openkbp --output data/phantom --patients 10 --seed 0

Then: python tools/prepare_data.py openkbp --source data/phantom --output data/openkbp_phantom
"""

from __future__ import annotations

import argparse
import sys

from ctan_monai.data.errors import DataError
from ctan_monai.phantoms import openkbp

# name -> (help, module with add_arguments(parser) and run(arguments))
DATASETS = {
    "openkbp": ("OpenKBP: head-and-neck CT, organs at risk and dose (sparse CSV files)", openkbp),
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
