# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .classification_evaluation import ClassificationEvaluation
from .dynamic_weight_average import DynamicWeightAverage, EqualWeights, dwa_weights
from .epoch_seed import EpochSeed
from .functional_test import FunctionalTest
from .gradient_conflict import GradientConflict
from .group import HandlerGroup
from .lesion_evaluation import LesionEvaluation, load_lesion
from .log import EpochLog
from .progress import Progress
from .radiotherapy_evaluation import RadiotherapyEvaluation, load_reference
from .run_record import RunRecord
from .save_lesions import SaveLesions
from .save_predictions import SavePredictions
from .summary_writer import TensorBoardStats
from .task_losses import TaskLossMeans
from .training_checkpoint import EarlyStop, TrainingCheckpoint
from .uncertainty_weighting import UncertaintyWeighting
from .validation_picture import ValidationPicture
from .weighting import choose_weighting

__all__ = [
    "ClassificationEvaluation",
    "DynamicWeightAverage",
    "EarlyStop",
    "EpochLog",
    "EpochSeed",
    "EqualWeights",
    "FunctionalTest",
    "GradientConflict",
    "HandlerGroup",
    "LesionEvaluation",
    "Progress",
    "RadiotherapyEvaluation",
    "RunRecord",
    "SaveLesions",
    "SavePredictions",
    "TaskLossMeans",
    "TensorBoardStats",
    "TrainingCheckpoint",
    "UncertaintyWeighting",
    "ValidationPicture",
    "choose_weighting",
    "dwa_weights",
    "load_lesion",
    "load_reference",
]
