# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Predicts each CT series that an Orthanc server receives, and sends the results: contours and dose as DICOM.

Research only. Not a medical device.

examples:
  ctan-monai-node --bundle openkbp --state node_state
  ctan-monai-node --bundle openkbp --state node_state --send-to PACS@192.0.2.7:104 -- --tg263 --device cpu
  ctan-monai-node --state node_state --list
  ctan-monai-node --state node_state --again 1.2.826.0.1.3680043.2.1125.1
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from ctan_monai.utils.command_line import exit_status
from ctan_monai.utils.errors import DataError

from .dicom_node import Node
from .ledger import Ledger
from .orthanc import Destination, Orthanc
from .predict_series import PredictSeries


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="ctan-monai-node", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, default=Path("."), help="folder of the unpacked bundle (default: here)")
    parser.add_argument(
        "--state", type=Path, required=True, help="folder with what was done, the results and logs; made when needed"
    )
    parser.add_argument(
        "--orthanc",
        default="http://127.0.0.1:8042",
        metavar="URL",
        help="Orthanc's REST API (default: %(default)s); user and password: CTAN_ORTHANC_USER, CTAN_ORTHANC_PASSWORD",
    )
    parser.add_argument(
        "--send-to",
        action="append",
        default=[],
        metavar="AET@HOST:PORT",
        help="send results there by C-STORE; may be given again (default: they stay in Orthanc)",
    )
    parser.add_argument("--attempts", type=int, default=3, help="attempts per prediction (default: %(default)s)")
    parser.add_argument("--pause", type=float, default=60, help="seconds before the first retry (default: %(default)s)")
    parser.add_argument(
        "--timeout", type=float, default=3600, help="time limit per prediction, in seconds (default: %(default)s)"
    )
    parser.add_argument(
        "--interval", type=float, default=5, help="seconds between checks of Orthanc (default: %(default)s)"
    )
    parser.add_argument("--once", action="store_true", help="end when nothing is left to do now")
    parser.add_argument("--list", action="store_true", help="show what became of each series, and end")
    parser.add_argument("--again", metavar="SERIES", help="predict a series (SeriesInstanceUID) anew, and end")
    parser.add_argument("predict", nargs="*", metavar="-- OPTION", help="further options of ctan-monai-predict")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    options = parse(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stdout)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # ends a prediction, too
    try:
        return exit_status(lambda: run(options))
    except KeyboardInterrupt:
        return 130


def run(options: argparse.Namespace) -> None:
    """Work as a node, or show or change what it knows."""
    ledger = Ledger(options.state)
    if options.list:
        for entry in ledger.entries():
            print(f"{entry.state:9} {entry.series} {entry.reason}".rstrip())
        return
    if options.again:
        _again(ledger, options.again)
        return
    user, password = os.environ.get("CTAN_ORTHANC_USER", ""), os.environ.get("CTAN_ORTHANC_PASSWORD", "")
    orthanc = Orthanc(options.orthanc, user, password)
    predict = PredictSeries(options.bundle, options.predict, options.timeout)
    destinations = [Destination.parse(text) for text in options.send_to]
    Node(orthanc, ledger, predict, destinations, options.attempts, options.pause).run(options.interval, options.once)


def _again(ledger: Ledger, series: str) -> None:
    with ledger.lock(wait=False):
        entries = [entry for entry in ledger.entries() if entry.series == series]
        if not entries:
            raise DataError(f"--again {series}: {ledger.folder} has no such series; --list shows those it has.")
        for entry in entries:
            shutil.rmtree(ledger.path(entry.id))


if __name__ == "__main__":
    sys.exit(main())
