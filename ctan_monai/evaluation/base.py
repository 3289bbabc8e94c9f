# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ignite.engine import Engine, Events

from ctan_monai.engines import engine_precision
from ctan_monai.utils import provenance
from ctan_monai.utils.files import read_training_record

logger = logging.getLogger(__name__)


class CaseEvaluation(ABC):
    """Base of the handlers that measure an evaluator's predictions case by case, and write the results at its end.

    Args:
        cases: the evaluated section of the data list.
        new_report: makes what writes the results, with a dict ``provenance``; each evaluation has its own.
    """

    def __init__(self, cases: Sequence[Mapping[str, Any]], new_report: Callable[[], Any]) -> None:
        self.cases = {str(case["case_id"]): case for case in cases}
        self.new_report = new_report
        self.rows: list[dict[str, Any]] = []
        self.report = new_report()

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator."""
        engine.add_event_handler(Events.STARTED, self.started)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.iteration_completed)
        engine.add_event_handler(Events.COMPLETED, self.completed)

    def started(self, engine: Engine | None = None) -> None:
        """Forget the cases of a former evaluation."""
        self.rows, self.report = [], self.new_report()

    def iteration_completed(self, engine: Engine) -> None:
        """Measure the cases of this batch."""
        state: Any = engine.state
        for item, output in zip(state.batch, state.output, strict=True):
            self.measure(self.cases[str(item["case_id"])], output)

    def completed(self, engine: Engine | None = None) -> None:
        """Write the results, and say where the report is."""
        if engine is not None:
            self.report.provenance["precision"] = engine_precision(engine)
            engine.state.metrics.update(self.metrics())
        logger.info("report: %s", self.write())

    @abstractmethod
    def measure(self, case: Mapping[str, Any], output: Mapping[str, Any]) -> None:
        """Measure one case.

        Args:
            case: item of the data list.
            output: its post-processed output.
        """

    def metrics(self) -> dict[str, float]:
        """Figures over all cases for the evaluator's state, where its engine measures nothing itself."""
        return {}

    @abstractmethod
    def write(self) -> Path:
        """Write json, csv and the report; returns the report's path."""

    def provenance(
        self,
        title: str,
        unit: str,
        settings: Mapping[str, Any] | None,
        seed: int | None,
        training_dir: str | Path | None,
    ) -> dict[str, Any]:
        """What the results came from: this evaluation's record, and that of the training.

        Args:
            title: name of the data set.
            unit: what a case is, in the plural, such as "patients".
            settings: the config's values worth stating.
            seed: the run's seed.
            training_dir: folder of the training's record.
        """
        record = provenance(settings, seed, {"name": title, unit: len(self.cases)})
        return {**record, "training": read_training_record(training_dir)}
