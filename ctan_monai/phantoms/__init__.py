# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .ham10000 import make_ham10000_image, write_ham10000_phantom
from .openkbp import make_openkbp_patient, write_openkbp_phantom
from .prostate import write_prostate_patient, write_prostate_phantom
from .stoic import make_stoic_patients, make_stoic_volume, write_stoic_phantom

__all__ = [
    "make_ham10000_image",
    "make_openkbp_patient",
    "make_stoic_patients",
    "make_stoic_volume",
    "write_ham10000_phantom",
    "write_openkbp_phantom",
    "write_prostate_patient",
    "write_prostate_phantom",
    "write_stoic_phantom",
]
