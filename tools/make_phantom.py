# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Writes synthetic data in the layout of a data set's official release, to try everything without the real data.

    python tools/make_phantom.py openkbp --output data/phantom --patients 10 --seed 0

Then: python tools/prepare_data.py openkbp --source data/phantom --output data/openkbp_phantom
"""

from __future__ import annotations

import sys

from ctan_monai.phantoms import ham10000, openkbp, prostate, stoic
from ctan_monai.utils.command_line import run_for_dataset

# name -> (help, module with add_arguments(parser) and run(arguments))
DATASETS = {
    "ham10000": ("HAM10000: dermoscopic images, lesion masks and diagnoses (JPEG, PNG, csv)", ham10000),
    "openkbp": ("OpenKBP: head-and-neck CT, organs at risk and dose (sparse CSV files)", openkbp),
    "prostate": ("Prostate: pelvic planning CT, structures and dose (DICOM CT, RTSTRUCT, RTDOSE)", prostate),
    "stoic": ("STOIC: chest CT, COVID-19 and its severity (.mha files and reference.csv)", stoic),
}


def main(argv: list[str] | None = None) -> int:
    return run_for_dataset(__doc__, DATASETS, argv)


if __name__ == "__main__":
    sys.exit(main())
