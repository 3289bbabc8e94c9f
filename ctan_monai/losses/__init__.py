# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .classification import ClassificationLoss
from .dose import DoseMAELoss
from .multi_task import LossOutput, MultiTaskLoss
from .segmentation import ComboLoss, merge_absent_labels

__all__ = ["ClassificationLoss", "ComboLoss", "DoseMAELoss", "LossOutput", "MultiTaskLoss", "merge_absent_labels"]
