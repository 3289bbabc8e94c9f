# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .batch import PrepareMultiTaskBatch
from .evaluator import MultiTaskEvaluator
from .precision import bf16_autocast, bf16_is_native, engine_precision, use_bf16
from .slice_folding import SliceFoldingInferer
from .trainer import MultiTaskTrainer

__all__ = [
    "MultiTaskEvaluator",
    "MultiTaskTrainer",
    "PrepareMultiTaskBatch",
    "SliceFoldingInferer",
    "bf16_autocast",
    "bf16_is_native",
    "engine_precision",
    "use_bf16",
]
