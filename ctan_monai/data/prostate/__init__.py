# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The Prostate data set: radiotherapy plans of the pelvis as DICOM."""

from .roi_list import CohortROI, cohort_rois, roi_table

__all__ = ["CohortROI", "cohort_rois", "roi_table"]
