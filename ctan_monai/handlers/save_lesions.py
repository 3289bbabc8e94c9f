# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from PIL import Image

from ctan_monai.files import write_output

logger = logging.getLogger(__name__)


class SaveLesions:
    """Writes ``<case>_segmentation.png`` (255 = lesion) for each image, and ``predictions.csv`` for all of them.

    Each file is written whole or not at all. The table holds what was done, also when the run is broken off by an
    error. A task that the network lacks is left out.

    Args:
        output_dir: folder, made when needed.
        classes: names of the diagnoses, columns of the table.
        mask_key: label map (1, H, W) on the image's own grid.
        diagnosis_key: probabilities (C,).
    """

    def __init__(
        self,
        output_dir: str | Path,
        classes: Sequence[str],
        mask_key: str = "pred",
        diagnosis_key: str = "diagnosis",
    ) -> None:
        self.output_dir = Path(output_dir)
        self.classes = list(classes)
        self.mask_key = mask_key
        self.diagnosis_key = diagnosis_key
        self.rows: list[dict[str, Any]] = []

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
            row: dict[str, Any] = {"case_id": item["case_id"]}
            mask = merged.get(self.mask_key)
            if isinstance(mask, torch.Tensor) and mask.ndim == 3:
                pixels = (mask[0].cpu().numpy() > 0).astype(np.uint8) * 255
                stream = io.BytesIO()
                Image.fromarray(pixels).save(stream, "PNG")
                write_output(self.output_dir / f"{item['case_id']}_segmentation.png", stream.getvalue())
                row["lesion_percent"] = round(float(100 * (pixels > 0).mean()), 3)
            if self.diagnosis_key in merged:
                values = torch.as_tensor(merged[self.diagnosis_key]).float().reshape(-1).tolist()
                row |= {name: round(value, 6) for name, value in zip(self.classes, values, strict=True)}
                row["diagnosis"] = self.classes[int(np.argmax(values))]
            self.rows.append(row)

    def completed(self, engine: Engine | None = None) -> None:
        """Write the table."""
        if not self.rows:
            return
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_output(self.output_dir / "predictions.csv", text.getvalue())
        logger.info("results of %d images are in %s", len(self.rows), self.output_dir)

    def failed(self, engine: Engine, error: BaseException) -> None:
        """Write the table of what was done; the error goes on."""
        self.completed(engine)
        raise error
