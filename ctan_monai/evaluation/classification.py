# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ctan_monai.reports import ClassificationReport

from .base import CaseEvaluation


class ClassificationEvaluation(CaseEvaluation):
    """Collects an evaluator's probabilities case by case, measures them, and writes json, csv and the HTML report.

    It reads "pred_<task>", probabilities after sigmoid (one channel) or softmax, of the post-processed output; labels
    are those of the data list.

    Args:
        cases: the evaluated section of the data list.
        output_dir: where the files are written.
        title: name of the data set, for the report.
        classes: task to the names of its classes; a task that the network lacks is left out.
        measures: name to what is measured: "task", "title" and, where only some cases count, "where", the key of a
            case that must be 1.
        case_keys: further keys of a case to put into its row, such as its age.
        training_dir: folder of the training's logs, for its curves.
        seed: the run's seed, for the record and the bootstrap.
        settings: the config's values worth stating, for the record.
    """

    def __init__(
        self,
        cases: Sequence[Mapping[str, Any]],
        output_dir: str | Path,
        title: str,
        classes: Mapping[str, Sequence[str]],
        measures: Mapping[str, Mapping[str, str]],
        case_keys: Sequence[str] = (),
        training_dir: str | Path | None = None,
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.classes = {task: list(names) for task, names in classes.items()}
        self.case_keys = list(case_keys)
        super().__init__(
            cases,
            lambda: ClassificationReport(
                output_dir=output_dir,
                title=title,
                classes=self.classes,
                measures=measures,
                provenance=self.provenance(title, "patients", settings, seed, training_dir),
                training_dir=training_dir,
                seed=seed,
            ),
        )

    def measure(self, case: Mapping[str, Any], output: Mapping[str, Any]) -> None:
        """Take one case; the measures are of all together."""
        probabilities = {
            task: output[f"pred_{task}"].reshape(-1).float().cpu().tolist()
            for task in self.classes
            if f"pred_{task}" in output
        }
        row = {key: case.get(key) for key in (*self.classes, *self.case_keys)}
        self.report.add_case(str(case["case_id"]), row, probabilities)

    def write(self) -> Path:
        """Write json, csv and the report; returns the report's path."""
        result: Path = self.report.write()
        return result
