# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ignite.engine import Engine, Events
from monai.handlers import LrScheduleHandler, StatsHandler, TensorBoardStatsHandler, ValidationHandler

from .dynamic_weight_average import DynamicWeightAverage
from .functional_test import FunctionalTest
from .gradient_aggregation import GradientAggregation
from .gradient_conflict import GradientConflict
from .log import EpochLog
from .run_record import RunRecord
from .task_losses import TaskLossMeans
from .training_checkpoint import EarlyStop, TrainingCheckpoint
from .uncertainty_weighting import UncertaintyWeighting

_WEIGHTINGS = (DynamicWeightAverage, GradientAggregation, UncertaintyWeighting)
_LOGS = (EpochLog, StatsHandler, TensorBoardStatsHandler)
# (first, second, why): Ignite calls handlers of one event in the order in which they were attached.
_ORDER: tuple[tuple[tuple[type, ...], tuple[type, ...], str], ...] = (
    ((TaskLossMeans,), (*_WEIGHTINGS, *_LOGS), "which reads the means of the task losses"),
    ((GradientConflict,), _LOGS, "which writes its figures"),
    (_LOGS, (LrScheduleHandler,), "which sets the next epoch's learning rate"),
    (
        (*_WEIGHTINGS, LrScheduleHandler, ValidationHandler),
        (TrainingCheckpoint,),
        "which saves the state at the end of the epoch",
    ),
    ((TrainingCheckpoint,), (RunRecord,), "for the checkpoint refuses to overwrite another run's files"),
    ((TrainingCheckpoint, RunRecord), (FunctionalTest,), "which tests the best network and adds to the record"),
    ((TrainingCheckpoint,), (EarlyStop,), "which stops by the checkpoint's best score"),
)


class HandlerGroup:
    """Handlers by name, attached in the order given: one handler of an engine that stands for all of them.

    An error that ends the run is told to each handler that has a method ``failed``, and then goes on. Ignite calls no
    handler of ``EXCEPTION_RAISED`` after one that raises the error again, and swallows it where none does. The group's
    own therefore comes first, also before that of MONAI's ``StatsHandler``, which prints a traceback and raises.

    In a config each handler keeps an id of its own, such as ``train::named_handlers::log``, by which the command line
    changes its arguments or leaves it out (``--train::named_handlers::log::_disabled_ True``).

    Args:
        handlers: name to handler.

    Raises:
        ValueError: a handler stands before one that it depends on; the message has both names.
    """

    def __init__(self, handlers: Mapping[str, Any]) -> None:
        self.handlers = {name: handler for name, handler in handlers.items() if not name.startswith("_")}
        names = list(self.handlers)
        for i, name in enumerate(names):
            for later in names[i + 1 :]:
                for first, second, why in _ORDER:
                    if isinstance(self.handlers[name], second) and isinstance(self.handlers[later], first):
                        raise ValueError(f"the handler '{later}' must stand before '{name}', {why}: exchange them.")

    def attach(self, engine: Engine) -> None:
        """Attach all handlers to an engine."""
        engine.add_event_handler(Events.EXCEPTION_RAISED, self._failed)
        for handler in self.handlers.values():
            handler.attach(engine)

    def _failed(self, engine: Engine, error: BaseException) -> None:
        try:
            for handler in self.handlers.values():
                if hasattr(handler, "failed"):
                    handler.failed(engine)
        finally:
            raise error
