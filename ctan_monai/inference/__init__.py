# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What happens to a user's image: found, predicted, judged, saved."""

from .case_dataset import CaseDataset
from .coverage import LEAST_PERCENT, judged_voxels, target_coverage
from .ct_inputs import find_inputs
from .dose_plausibility import check_dose, figure_name
from .dose_volume import dose_volume_figure
from .found_inputs import FoundInputs, name_problem
from .monai_deploy import DeployInferer
from .monai_label import MonaiLabelResultd
from .organ_limits import LIMIT_SOURCES, ORGAN_LIMITS, OrganLimit, organ_doses
from .photo_inputs import find_images
from .plausibility import body_edges, check_plausibility
from .plausibility_report import ReportPlausibilityd
from .results_folder import ResultsFolder
from .save_dicom_rt import SaveDicomRTd
from .save_dicom_sc import SaveDicomSCd
from .save_dicom_sr import SaveDicomSRd
from .save_lesions import SaveLesions
from .save_nifti import SaveImagesd
from .save_predictions import SavePredictions
from .save_probabilities import SaveProbabilitiesd
from .start_inference import StartInference

__all__ = [
    "LEAST_PERCENT",
    "LIMIT_SOURCES",
    "ORGAN_LIMITS",
    "CaseDataset",
    "DeployInferer",
    "FoundInputs",
    "MonaiLabelResultd",
    "OrganLimit",
    "ReportPlausibilityd",
    "ResultsFolder",
    "SaveDicomRTd",
    "SaveDicomSCd",
    "SaveDicomSRd",
    "SaveImagesd",
    "SaveLesions",
    "SavePredictions",
    "SaveProbabilitiesd",
    "StartInference",
    "body_edges",
    "check_dose",
    "check_plausibility",
    "dose_volume_figure",
    "figure_name",
    "find_images",
    "find_inputs",
    "judged_voxels",
    "name_problem",
    "organ_doses",
    "target_coverage",
]
