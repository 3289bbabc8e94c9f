# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from monai.data import MetaTensor
from monai.engines import SupervisedTrainer
from monai.engines.utils import IterationEvents
from monai.utils.enums import CommonKeys as Keys

from ctan_monai.utils.switches import as_switch

from .precision import PrecisionMixin, bf16_autocast, refuse_amp_kwargs, use_bf16


class MultiTaskTrainer(PrecisionMixin, SupervisedTrainer):
    """MONAI's supervised trainer for networks and losses that are keyed by task name.

    Differences: ``amp`` ("auto", True or False, see :py:func:`use_bf16`) is bfloat16 autocast on the trainer's own
    device. The loss is a :py:class:`ctan_monai.losses.MultiTaskLoss`, computed in float32; its task losses and counts
    are put into ``state.output[0]`` under "task_losses" and "task_counts" for the handlers. With
    ``accumulation_steps`` the gradients of so many batches are averaged for each step of the optimizer, which needs the
    memory of one batch; batch normalization still sees single batches. Arguments: see
    :py:class:`monai.engines.SupervisedTrainer`; ``decollate`` and ``amp_kwargs`` are not taken.
    """

    def __init__(self, **kwargs: Any) -> None:
        if "decollate" in kwargs:
            raise ValueError("MultiTaskTrainer does not take 'decollate': its output is one item, the whole batch.")
        refuse_amp_kwargs(kwargs)
        kwargs["compile"] = as_switch("compile", kwargs.get("compile", False))
        amp = kwargs.pop("amp", "auto")
        # amp=False: MONAI would make a CUDA GradScaler, which bfloat16 does not need.
        super().__init__(**kwargs, amp=False, decollate=False)
        self.bf16 = use_bf16(amp, self.state.device)

    def _iteration(self, engine: SupervisedTrainer, batchdata: dict[str, Any]) -> Any:
        inputs, targets = engine.prepare_batch(batchdata, engine.state.device, engine.non_blocking, **engine.to_kwargs)
        if engine.compile and isinstance(inputs, MetaTensor):  # which torch.compile cannot trace, see MONAI's trainer
            inputs = inputs.as_tensor()
        output: dict[str, Any] = {Keys.IMAGE: inputs, Keys.LABEL: targets}
        engine.state.output = output

        engine.network.train()
        steps, place = engine.accumulation_steps, (engine.state.iteration - 1) % (engine.state.epoch_length or 1)
        last = place + 1 == engine.state.epoch_length
        if place % steps == 0:
            engine.optimizer.zero_grad(set_to_none=True)
        with bf16_autocast(engine.state.device, self.bf16):
            output[Keys.PRED] = engine.inferer(inputs, engine.network)
        engine.fire_event(IterationEvents.FORWARD_COMPLETED)
        output.update(engine.loss_function(output[Keys.PRED], targets))
        engine.fire_event(IterationEvents.LOSS_COMPLETED)
        # of the batches that are averaged; at the end of an epoch there may be fewer
        count = min(steps, (engine.state.epoch_length or 1) - place // steps * steps)
        self.backward(output, count)
        engine.fire_event(IterationEvents.BACKWARD_COMPLETED)
        if last or (place + 1) % steps == 0:
            engine.optimizer.step()
        engine.fire_event(IterationEvents.MODEL_COMPLETED)
        # MONAI's handlers look for the loss in the first of a list of samples; ours is one item, the whole batch
        return [output]

    def backward(self, output: dict[str, Any], count: int) -> None:
        """Adds the gradient of the loss, as a part of the mean over ``count`` batches.

        :py:class:`ctan_monai.handlers.GradientAggregation` puts its own in place.
        """
        (output[Keys.LOSS] / count).backward()
