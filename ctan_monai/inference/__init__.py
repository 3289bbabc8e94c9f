# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What happens to a user's image: found, predicted, judged, saved."""

from .case_dataset import CaseDataset
from .coverage import LEAST_PERCENT, judged_voxels, target_coverage
from .dose_plausibility import check_dose, figure_name
from .dose_volume import dose_volume_figure
from .found_inputs import FoundInputs, name_problem
from .organ_limits import LIMIT_SOURCES, ORGAN_LIMITS, OrganLimit, organ_doses

__all__ = [
    "LEAST_PERCENT",
    "LIMIT_SOURCES",
    "ORGAN_LIMITS",
    "CaseDataset",
    "FoundInputs",
    "OrganLimit",
    "check_dose",
    "dose_volume_figure",
    "figure_name",
    "judged_voxels",
    "name_problem",
    "organ_doses",
    "target_coverage",
]
