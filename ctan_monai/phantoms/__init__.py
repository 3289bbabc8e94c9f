# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .openkbp import make_openkbp_patient, write_openkbp_phantom

__all__ = ["make_openkbp_patient", "write_openkbp_phantom"]
