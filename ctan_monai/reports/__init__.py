# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from ctan_monai.utils.moved import moved

from .baselines import read_baselines
from .classification.report import ClassificationReport
from .lesion.report import LesionReport, write_lesion_results
from .patient_page.save import SavePatientPaged
from .radiotherapy.report import RadiotherapyReport
from .training_curves import read_log, training_charts

__all__ = [
    "ClassificationReport",
    "LesionReport",
    "RadiotherapyReport",
    "SavePatientPaged",
    "read_baselines",
    "read_log",
    "training_charts",
    "write_lesion_results",
]

__getattr__ = moved(__name__, {"provenance": "ctan_monai.utils", "write_csv": "ctan_monai.utils"})
