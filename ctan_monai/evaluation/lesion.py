# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ctan_monai.imaging.letterbox import undo_letterbox
from ctan_monai.imaging.photos import read_mask
from ctan_monai.metrics import diagnosis_metrics, lesion_mask_metrics, summarize_lesions
from ctan_monai.reports import LesionReport

from .base import CaseEvaluation


def load_lesion(case: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Picture and reference mask of a prepared case, both on the original mask's grid.

    Args:
        case: item of a data list, see :py:func:`ctan_monai.data.read_images`.

    Returns:
        uint8 (H, W, 3), as sharp as the prepared image is; bool (H, W).
    """
    mask = read_mask(case["mask"])
    row = np.array(np.load(case["image"], mmap_mode="r")[case["index"]])
    pixels = undo_letterbox(torch.from_numpy(row.transpose(2, 0, 1)), case["box"], mask.shape)
    return pixels.round().clamp(0, 255).to(torch.uint8).numpy().transpose(1, 2, 0), mask


class LesionEvaluation(CaseEvaluation):
    """Measures an evaluator's predictions image by image, and writes json, csv and the HTML report.

    It reads "probability" (of background and lesion, on the prepared grid) and "pred_diagnosis" (probabilities) of the
    post-processed output. The lesion's probability is brought onto the grid of the original mask, and 0.5 or more is
    lesion.

    Args:
        cases: the evaluated section of the data list.
        output_dir: where the files are written.
        title: name of the data set, for the report.
        classes: names of the diagnoses, in the order of the network's channels.
        training_dir: folder of the training's logs, for its curves.
        baselines: result files of trivial baselines, for comparison.
        seed: the run's seed, for the record.
        settings: the config's values worth stating, for the record.
    """

    def __init__(
        self,
        cases: Sequence[Mapping[str, Any]],
        output_dir: str | Path,
        title: str,
        classes: Sequence[str],
        training_dir: str | Path | None = None,
        baselines: Sequence[str | Path] = (),
        seed: int | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.classes = list(classes)
        super().__init__(
            cases,
            lambda: LesionReport(
                output_dir=output_dir,
                title=title,
                labels=self.classes,
                provenance=self.provenance(title, "images", settings, seed, training_dir),
                baselines=list(baselines),
                training_dir=training_dir,
            ),
        )

    def measure(self, case: Mapping[str, Any], output: Mapping[str, Any]) -> None:
        """Measure one image.

        Args:
            case: item of the data list.
            output: "probability" (2, H, W) on the prepared grid and "pred_diagnosis", probabilities (C,); a task that
                the network lacks is left out.
        """
        row: dict[str, Any] = {}
        predicted: np.ndarray | None = None
        if "probability" in output:
            reference = read_mask(case["mask"])
            lesion = undo_letterbox(output["probability"][1:], case["box"], reference.shape)
            predicted = lesion[0].cpu().numpy() >= 0.5
            row |= lesion_mask_metrics(reference, predicted)
        if "pred_diagnosis" in output:
            values = torch.as_tensor(output["pred_diagnosis"]).double().reshape(-1).tolist()
            row |= diagnosis_metrics(int(case["diagnosis"]), values, self.classes)
        self.rows.append(row)
        self.report.add_case(str(case["case_id"]), row, lambda: load_lesion(case), predicted)

    def write(self) -> Path:
        """Write json, csv and the report; returns the report's path."""
        result: Path = self.report.write(summarize_lesions(self.rows, self.classes))
        return result
