# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ignite.engine import Engine, Events

from ctan_monai.engines import engine_precision
from ctan_monai.engines.batch import FAILURE
from ctan_monai.utils.errors import case_reason
from ctan_monai.utils.stopwatch import Stopwatch

from .results_folder import ResultsFolder


class SavePredictions:
    """Hands each post-processed item of an evaluator to a transform that writes it.

    Writing is a handler and no post-processing step, because MONAI Label and MONAI Deploy run the post-processing of an
    inference config too, and must not write where the bundle does.

    A case that fails stops neither its other results nor the other cases, and is listed at the end of the run. A folder
    that cannot be written to stops all.

    Args:
        transform: called with the item, input and output keys together, "precision", what the network computed in, and
            "stopwatch", which counts what comes between the network and here as "postprocessing", and what
            ``transform`` does as "writing". Its ``results``, a :py:class:`ctan_monai.inference.ResultsFolder`, lists
            failures. Where it has ``completes_case``, its failure loses the case: there are no results without a
            report.
    """

    def __init__(self, transform: Callable[[dict[str, Any]], Any]) -> None:
        self.transform = transform
        self.results: ResultsFolder | None = getattr(transform, "results", None)

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Write the patients of this batch."""
        state: Any = engine.state
        stopwatch: Stopwatch = getattr(engine, "stopwatch", None) or Stopwatch()
        stopwatch.lap("postprocessing")
        for item, output in zip(state.batch, state.output, strict=True):
            if FAILURE in item:
                if self.results is not None:
                    self.results.fail(str(item["case_id"]), str(item[FAILURE]))
                continue
            try:
                self.transform({**item, **output, "precision": engine_precision(engine), "stopwatch": stopwatch})
            except OSError:
                raise
            except Exception as error:
                if self.results is None:
                    raise
                case = str(item["case_id"])
                reason = case_reason(error, f"{case}: {type(self.transform).__name__}")
                self.results.fail(case, reason, lost=getattr(self.transform, "completes_case", False))
        stopwatch.lap("writing")

    def failed(self, engine: Engine) -> None:
        """Remove what is incomplete before an error ends the run, see :py:class:`ctan_monai.handlers.HandlerGroup`."""
        if self.results is not None:
            self.results.discard()
