# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Mean doses and volumes by dicompyler-core: a second reader of our RTSTRUCT and RTDOSE, which shares no code with us.

It needs pydicom 2 and the project has pydicom 3, so this script runs in an environment of its own:

    python -m venv dvh_env
    dvh_env/bin/pip install dicompyler-core "pydicom<3" "numpy<2"
    dvh_env/bin/python tests/label/dvh_dicompyler.py RS.dcm RD.dcm

prints JSON: ROI name to mean_gy and volume_cc. A voxel of the dose grid counts if its center lies in the outlines, as
it does in our masks. dicompyler's own interpolation is not used: it moves the dose by part of a voxel (also that of
other makers' files), which changes the mean of a rectum in a steep gradient by a tenth.

``tests/label/test_dvh.py`` compares it with our figures where CTAN_DICOMPYLER_PYTHON names that environment's python.
"""

from __future__ import annotations

import argparse
import json

from dicompylercore import dicomparser, dvhcalc


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rtstruct")
    parser.add_argument("rtdose")
    arguments = parser.parse_args()
    structures = dicomparser.DicomParser(arguments.rtstruct)
    dose = dicomparser.DicomParser(arguments.rtdose)
    table = {}
    for number, structure in structures.GetStructures().items():
        if structure["empty"]:
            continue
        dvh = dvhcalc.get_dvh(structures.ds, dose.ds, number)
        table[structure["name"]] = {"mean_gy": round(float(dvh.mean), 4), "volume_cc": round(float(dvh.volume), 3)}
    print(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
