# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .autocast import bf16_autocast
from .batch import PrepareMultiTaskBatch
from .evaluator import MultiTaskEvaluator
from .trainer import MultiTaskTrainer

__all__ = ["MultiTaskEvaluator", "MultiTaskTrainer", "PrepareMultiTaskBatch", "bf16_autocast"]
