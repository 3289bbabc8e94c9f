# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from monai.engines import SupervisedEvaluator

from .autocast import bf16_autocast


class MultiTaskEvaluator(SupervisedEvaluator):
    """MONAI's supervised evaluator whose ``amp=True`` is bfloat16 autocast on its own device.

    The prediction is the network's dict, task name to tensor; MONAI's ``FlattenSubKeysd(keys="pred", prefix="pred")``
    as the first post-processing step makes it "pred_<task>". Arguments: see
    :py:class:`monai.engines.SupervisedEvaluator`.
    """

    def __init__(self, **kwargs: Any) -> None:
        amp = bool(kwargs.pop("amp", False))
        super().__init__(**kwargs, amp=False)
        self.bf16 = amp

    def _iteration(self, engine: SupervisedEvaluator, batchdata: dict[str, Any]) -> dict[str, Any]:
        with bf16_autocast(engine.state.device, self.bf16):
            return super()._iteration(engine, batchdata)
