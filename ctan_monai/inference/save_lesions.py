# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import logging
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from PIL import Image

from ctan_monai.engines import engine_precision
from ctan_monai.engines.batch import FAILURE
from ctan_monai.utils.files import write_output

from .results_folder import ResultsFolder

logger = logging.getLogger(__name__)
CSV_NAME = "predictions.csv"


class SaveLesions:
    """Writes ``<case>_segmentation.png`` (255 = lesion) for each image, and ``predictions.csv`` for all of the folder.

    Each file is written whole or not at all. The table is written as results come, at most a tenth of the time, so that
    it holds what was done when a run is broken off. A task that the network lacks is left out.

    Args:
        results: where they go.
        classes: names of the diagnoses, columns of the table.
        mask_key: label map (1, H, W) on the image's own grid.
        diagnosis_key: probabilities (C,).
    """

    def __init__(
        self,
        results: ResultsFolder,
        classes: Sequence[str],
        mask_key: str = "pred",
        diagnosis_key: str = "diagnosis",
    ) -> None:
        self.results = results
        self.classes = list(classes)
        self.mask_key = mask_key
        self.diagnosis_key = diagnosis_key
        self.rows: dict[str, dict[str, Any]] = {}
        self._next = 0.0  # when the table is written again

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.iteration_completed)
        engine.add_event_handler(Events.COMPLETED, self.completed)

    def iteration_completed(self, engine: Engine) -> None:
        """Write the masks of this batch, and the table."""
        state: Any = engine.state
        for item, output in zip(state.batch, state.output, strict=True):
            merged = {**item, **output}
            case = str(item["case_id"])
            if FAILURE in item:
                self.results.fail(case, str(item[FAILURE]))
                continue
            row: dict[str, Any] = {}
            mask = merged.get(self.mask_key)
            if isinstance(mask, torch.Tensor) and mask.ndim == 3:
                pixels = (mask[0].cpu().numpy() > 0).astype(np.uint8) * 255
                stream = io.BytesIO()
                Image.fromarray(pixels).save(stream, "PNG")
                write_output(self.results.file(case, "segmentation.png"), stream.getvalue())
                row["lesion_percent"] = round(float(100 * (pixels > 0).mean()), 3)
            if self.diagnosis_key in merged:
                values = torch.as_tensor(merged[self.diagnosis_key]).float().reshape(-1).tolist()
                row |= {name: round(value, 6) for name, value in zip(self.classes, values, strict=True)}
                row["diagnosis"] = self.classes[int(np.argmax(values))]
            self.results.commit(case)
            self.rows[case] = row | {"precision": engine_precision(engine)}
        if time.monotonic() >= self._next:
            self._write()

    def completed(self, engine: Engine | None = None) -> None:
        """Write the table."""
        if not self.rows:
            return
        self._write()
        logger.info("results of %d images are in %s", len(self.rows), self.results.path)

    def failed(self, engine: Engine) -> None:
        """Write the table of what was done before an error, see :py:class:`ctan_monai.handlers.HandlerGroup`."""
        self.results.discard()
        self.completed(engine)

    def _write(self) -> None:
        start = time.monotonic()
        self.results.write_table(CSV_NAME, self.rows)
        self._next = time.monotonic() + 9 * (time.monotonic() - start)
