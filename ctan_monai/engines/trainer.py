# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from monai.engines import SupervisedTrainer
from monai.engines.utils import IterationEvents
from monai.utils.enums import CommonKeys as Keys

from .precision import PrecisionMixin, bf16_autocast, use_bf16


class MultiTaskTrainer(PrecisionMixin, SupervisedTrainer):
    """MONAI's supervised trainer for networks and losses that are keyed by task name.

    Differences: ``amp`` ("auto", True or False, see :py:func:`use_bf16`) is bfloat16 autocast on the trainer's own
    device. The loss is a :py:class:`ctan_monai.losses.MultiTaskLoss`, computed in float32; its task losses and counts
    are put into ``state.output[0]`` under "task_losses" and "task_counts" for the handlers. Arguments: see
    :py:class:`monai.engines.SupervisedTrainer`; ``compile``, ``accumulation_steps`` and ``decollate`` are not taken.
    """

    def __init__(self, **kwargs: Any) -> None:
        unsupported = {"compile", "accumulation_steps", "decollate"} & set(kwargs)
        if unsupported:
            raise ValueError(f"MultiTaskTrainer does not take {sorted(unsupported)}.")
        amp = kwargs.pop("amp", "auto")
        # amp=False: MONAI would make a CUDA GradScaler, which bfloat16 does not need.
        super().__init__(**kwargs, amp=False, decollate=False)
        self.bf16 = use_bf16(amp, self.state.device)

    def _iteration(self, engine: SupervisedTrainer, batchdata: dict[str, Any]) -> Any:
        inputs, targets = engine.prepare_batch(batchdata, engine.state.device, engine.non_blocking, **engine.to_kwargs)
        output: dict[str, Any] = {Keys.IMAGE: inputs, Keys.LABEL: targets}
        engine.state.output = output

        engine.network.train()
        engine.optimizer.zero_grad(set_to_none=True)
        with bf16_autocast(engine.state.device, self.bf16):
            output[Keys.PRED] = engine.inferer(inputs, engine.network)
        engine.fire_event(IterationEvents.FORWARD_COMPLETED)
        output.update(engine.loss_function(output[Keys.PRED], targets))
        engine.fire_event(IterationEvents.LOSS_COMPLETED)
        self.backward(output)
        engine.fire_event(IterationEvents.BACKWARD_COMPLETED)
        engine.optimizer.step()
        engine.fire_event(IterationEvents.MODEL_COMPLETED)
        # MONAI's handlers look for the loss in the first of a list of samples; ours is one item, the whole batch
        return [output]

    def backward(self, output: dict[str, Any]) -> None:
        """Adds the gradient of the loss; :py:class:`ctan_monai.handlers.GradientAggregation` puts its own in place."""
        output[Keys.LOSS].backward()
