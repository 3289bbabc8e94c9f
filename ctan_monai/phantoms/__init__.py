# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .openkbp import make_openkbp_patient, write_openkbp_phantom
from .prostate import write_prostate_patient, write_prostate_phantom

__all__ = ["make_openkbp_patient", "write_openkbp_phantom", "write_prostate_patient", "write_prostate_phantom"]
