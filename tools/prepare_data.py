# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Turns a data set's official release into prepared data (volumes and datalist.json), which the bundles read.

    python tools/prepare_data.py openkbp --source provided-data --output data/openkbp

Interrupted or repeated, it goes on where it stopped. Exit code 0: done (skipped patients are listed); 2: failed.
"""

from __future__ import annotations

import sys

from ctan_monai.data.ham10000 import prepare as ham10000_prepare
from ctan_monai.data.openkbp import prepare as openkbp_prepare
from ctan_monai.data.prostate import prepare as prostate_prepare
from ctan_monai.data.stoic import prepare as stoic_prepare
from ctan_monai.utils.command_line import run_for_dataset

# name -> (help, module with add_arguments(parser) and run(arguments))
DATASETS = {
    "ham10000": ("HAM10000: dermoscopic images, lesion masks and diagnoses (zips or folders)", ham10000_prepare),
    "openkbp": ("OpenKBP: head-and-neck CT, organs at risk and dose (sparse CSV files)", openkbp_prepare),
    "prostate": ("Prostate: pelvic planning CT, structures and dose (DICOM CT, RTSTRUCT, RTDOSE)", prostate_prepare),
    "stoic": ("STOIC: chest CT, COVID-19 and its severity (.mha files and reference.csv)", stoic_prepare),
}


def main(argv: list[str] | None = None) -> int:
    return run_for_dataset(__doc__, DATASETS, argv)


if __name__ == "__main__":
    sys.exit(main())
