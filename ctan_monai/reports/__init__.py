# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .baselines import read_baselines
from .classification import ClassificationReport
from .lesion import LesionReport, write_lesion_results
from .patient_page import SavePatientPaged
from .radiotherapy import RadiotherapyReport
from .run_provenance import provenance
from .tables import write_csv
from .training import read_log, training_charts

__all__ = [
    "ClassificationReport",
    "LesionReport",
    "RadiotherapyReport",
    "SavePatientPaged",
    "provenance",
    "read_baselines",
    "read_log",
    "training_charts",
    "write_csv",
    "write_lesion_results",
]
