# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Ignite handlers of a training, by the order that ``HandlerGroup`` asks for."""

from ctan_monai.utils.moved import moved

from .dynamic_weight_average import DynamicWeightAverage, EqualWeights, dwa_weights
from .epoch_seed import EpochSeed
from .functional_test import FunctionalTest
from .gradient_aggregation import GradientAggregation
from .gradient_conflict import GradientConflict
from .group import HandlerGroup
from .log import EpochLog
from .progress import Progress
from .run_record import RunRecord
from .summary_writer import TensorBoardStats
from .task_losses import TaskLossMeans
from .training_checkpoint import EarlyStop, TrainingCheckpoint
from .uncertainty_weighting import UncertaintyWeighting
from .validation_picture import ValidationPicture
from .weighting import choose_weighting

__all__ = [
    "DynamicWeightAverage",
    "EarlyStop",
    "EpochLog",
    "EpochSeed",
    "EqualWeights",
    "FunctionalTest",
    "GradientAggregation",
    "GradientConflict",
    "HandlerGroup",
    "Progress",
    "RunRecord",
    "TaskLossMeans",
    "TensorBoardStats",
    "TrainingCheckpoint",
    "UncertaintyWeighting",
    "ValidationPicture",
    "choose_weighting",
    "dwa_weights",
]

__getattr__ = moved(
    __name__,
    {
        "ClassificationEvaluation": "ctan_monai.evaluation",
        "LesionEvaluation": "ctan_monai.evaluation",
        "RadiotherapyEvaluation": "ctan_monai.evaluation",
        "SaveLesions": "ctan_monai.inference",
        "SavePredictions": "ctan_monai.inference",
        "load_lesion": "ctan_monai.evaluation",
        "load_reference": "ctan_monai.evaluation",
    },
)
