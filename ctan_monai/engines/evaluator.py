# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import torch
from ignite.engine import Events
from monai.engines import SupervisedEvaluator

from ctan_monai.utils.errors import InputError, case_reason
from ctan_monai.utils.network_state import unwrap
from ctan_monai.utils.stopwatch import Stopwatch

from .batch import FAILURE
from .precision import PrecisionMixin, bf16_autocast, refuse_amp_kwargs, use_bf16


class MultiTaskEvaluator(PrecisionMixin, SupervisedEvaluator):
    """MONAI's supervised evaluator whose ``amp`` is bfloat16 autocast on its own device, see ``use_bf16``.

    The prediction is the network's dict, task name to tensor; MONAI's ``FlattenSubKeysd(keys="pred", prefix="pred")``
    as the first post-processing step makes it "pred_<task>". A batch of one case with a "failure" (see
    :py:class:`ctan_monai.inference.CaseDataset`) is not computed, and its output is empty. A batch of one case without
    labels, as in inference, becomes one where anything goes wrong, or where the network's output is not finite.
    Arguments: see :py:class:`monai.engines.SupervisedEvaluator`; ``amp_kwargs`` is not taken.

    Attributes:
        stopwatch: of the current batch: "reading", until its input is there (with worker processes: what was waited for
            it), "network", and after the network what others add.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.arguments = dict(kwargs)
        refuse_amp_kwargs(kwargs)
        amp = kwargs.pop("amp", "auto")
        super().__init__(**kwargs, amp=False)
        self.bf16 = use_bf16(amp, self.state.device)
        self.stopwatch = Stopwatch()
        self.add_event_handler(Events.GET_BATCH_STARTED, self._start)
        self.add_event_handler(Events.GET_BATCH_COMPLETED, self._lap, "reading")

    def _start(self) -> None:
        self.stopwatch = Stopwatch()

    def _lap(self, part: str) -> None:
        self.stopwatch.lap(part)

    @property
    def task_metrics(self) -> dict[str, Any]:
        """Those of the ``additional_metrics`` that are of a task, by task."""
        metrics = dict(self.arguments.get("additional_metrics") or {})
        tasks = getattr(self.prepare_batch, "tasks", metrics)
        return {name: metric for name, metric in metrics.items() if name in tasks}

    def without_handlers(self) -> MultiTaskEvaluator:
        """An evaluator of the same network by the same metrics on the same data that logs and writes nothing.

        The network is taken out of ``torch.compile``, which does not see the hooks of a test.
        """
        return MultiTaskEvaluator(**{**self.arguments, "network": unwrap(self.network), "val_handlers": None})

    def _iteration(self, engine: SupervisedEvaluator, batchdata: dict[str, Any]) -> Any:  # a list, after decollating
        if FAILURE in batchdata:
            return self._failed(engine, {key: value[0] for key, value in batchdata.items()})
        tasks = getattr(engine.prepare_batch, "tasks", ())
        if any(task in batchdata for task in tasks) or len(batchdata.get("case_id", ())) != 1:
            return self._compute(engine, batchdata)
        try:  # inference
            return self._compute(engine, batchdata, finite=True)
        except Exception as error:  # of any kind: a case's memory, its network's output, its post-processing
            case = str(batchdata["case_id"][0])
            return self._failed(engine, {"case_id": case, FAILURE: case_reason(error, case)})

    def _failed(self, engine: SupervisedEvaluator, item: dict[str, Any]) -> Any:
        """In place of a result the reason why there is none."""
        engine.state.batch = [item]
        engine.state.output = [{}]
        return engine.state.output

    def _compute(self, engine: SupervisedEvaluator, batchdata: dict[str, Any], finite: bool = False) -> Any:
        inferer = engine.inferer

        def infer(*args: Any, **kwargs: Any) -> Any:
            with bf16_autocast(engine.state.device, self.bf16):
                outputs = inferer(*args, **kwargs)
            if engine.state.device.type == "cuda":  # its kernels run behind the program
                torch.cuda.synchronize(engine.state.device)
            self._lap("network")
            if finite:
                _check_finite(outputs)
            return outputs

        # The network alone: MONAI's transforms behind it multiply voxel coordinates by matrices, and a coordinate of
        # 100 in bfloat16 is off by up to a quarter of a voxel.
        engine.inferer = infer  # type: ignore[assignment]
        try:
            return super()._iteration(engine, batchdata)
        finally:
            engine.inferer = inferer


def _check_finite(outputs: Any) -> None:
    """One sum a task: it is finite where all values are, of the sizes that a network gives."""
    for task, values in outputs.items() if isinstance(outputs, dict) else [("", outputs)]:
        if not bool(torch.isfinite(values.float().sum())):
            bad = int((~torch.isfinite(values)).sum())
            if bad:
                raise InputError(
                    f"the network's output {task} has {bad} values that are NaN or infinite, so nothing is written of "
                    "this image. Check its values; if other images fail, too, get the weights again."
                )
