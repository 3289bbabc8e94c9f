# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Predictions of the test cases on their own grid, scored and written, by data set."""

from .classification import ClassificationEvaluation
from .lesion import LesionEvaluation, load_lesion
from .radiotherapy import RadiotherapyEvaluation, load_reference

__all__ = ["ClassificationEvaluation", "LesionEvaluation", "RadiotherapyEvaluation", "load_lesion", "load_reference"]
