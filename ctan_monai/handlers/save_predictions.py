# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ignite.engine import Engine, Events

from ctan_monai.engines import engine_precision
from ctan_monai.utils.stopwatch import Stopwatch


class SavePredictions:
    """Hands each post-processed item of an evaluator to a transform that writes it.

    Writing is a handler and no post-processing step, because MONAI Label and MONAI Deploy run the post-processing of an
    inference config too, and must not write where the bundle does.

    Args:
        transform: called with the item, input and output keys together, "precision", what the network computed in, and
            "stopwatch", which counts what comes between the network and here as "postprocessing", and what
            ``transform`` does as "writing".
    """

    def __init__(self, transform: Callable[[dict[str, Any]], Any]) -> None:
        self.transform = transform

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Write the patients of this batch."""
        state: Any = engine.state
        stopwatch: Stopwatch = getattr(engine, "stopwatch", None) or Stopwatch()
        stopwatch.lap("postprocessing")
        for item, output in zip(state.batch, state.output, strict=True):
            self.transform({**item, **output, "precision": engine_precision(engine), "stopwatch": stopwatch})
        stopwatch.lap("writing")
