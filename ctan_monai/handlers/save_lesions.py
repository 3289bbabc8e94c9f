# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from PIL import Image

from ctan_monai.data.results_folder import ResultsFolder
from ctan_monai.engines import engine_precision
from ctan_monai.files import write_output

logger = logging.getLogger(__name__)
CSV_NAME = "predictions.csv"


class SaveLesions:
    """Writes ``<case>_segmentation.png`` (255 = lesion) for each image, and ``predictions.csv`` for all of the folder.

    Each file is written whole or not at all. The table holds what was done, also when the run is broken off by an
    error. A task that the network lacks is left out.

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

    def attach(self, engine: Engine) -> None:
        """Attach to an evaluator."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.iteration_completed)
        engine.add_event_handler(Events.COMPLETED, self.completed)
        engine.add_event_handler(Events.EXCEPTION_RAISED, self.failed)

    def iteration_completed(self, engine: Engine) -> None:
        """Write the masks of this batch."""
        state: Any = engine.state
        for item, output in zip(state.batch, state.output, strict=True):
            merged = {**item, **output}
            case = str(item["case_id"])
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
            self.rows[case] = row | {"precision": engine_precision(engine)}

    def completed(self, engine: Engine | None = None) -> None:
        """Write the table."""
        if not self.rows:
            return
        self.results.write_table(CSV_NAME, self.rows)
        logger.info("results of %d images are in %s", len(self.rows), self.results.path)

    def failed(self, engine: Engine, error: BaseException) -> None:
        """Write the table of what was done; the error goes on."""
        self.completed(engine)
        raise error
