# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The report of a radiotherapy evaluation: contours and dose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ctan_monai.metrics import RadiotherapyReference
from ctan_monai.reports.baselines import read_baselines
from ctan_monai.reports.page import flatten, render_html
from ctan_monai.reports.training_curves import training_charts
from ctan_monai.utils.csv_tables import write_per_patient_csv, write_summary_csv
from ctan_monai.utils.files import write_atomic, write_json

from . import sentences as wording
from .dvh_chart import DVHCurves, dvh_curves
from .planes import CaseViews, case_views
from .shown_case import ShownCase, missing_notes, shown_case, shown_places
from .tables import comparison_table, dose_table, dvh_table, organ_table, patient_table

__all__ = ["RadiotherapyReport"]


class RadiotherapyReport:
    """Collects patients, then writes `evaluation.json`, `per_patient.csv`, `summary.csv` and `report.html`.

    Of each patient only its row, three slices and its dose-volume histograms are kept (below 1 MB at 128 x 128), so
    that it can be decided at the end whose pictures are shown.

    Args:
        output_dir: folder of the four files; made when they are written.
        title: what was evaluated, heading of the page.
        label_names: organ by label value, without background.
        provenance: of :func:`ctan_monai.utils.provenance`.
        n_pictures: number of patients shown for each task, spread from its best to its worst result.
        baselines: result files to compare with, see :func:`ctan_monai.reports.read_baselines`; read at once.
        training_dir: folder of the training's logs; `output_dir` if None. Without logs there are no training curves.

    Raises:
        ValueError: if a baseline's file cannot be used.

    Example:
        >>> report = RadiotherapyReport("out", "OpenKBP", {1: "brainstem"}, provenance(seed=0))  # doctest: +SKIP
        >>> report.add_case("pt_1", row, ct, reference, {"dose": dose})  # doctest: +SKIP
        >>> report.write(summarize([row]))  # doctest: +SKIP
        PosixPath('out/report.html')
    """

    def __init__(
        self,
        output_dir: Path | str,
        title: str,
        label_names: Mapping[int, str],
        provenance: Mapping[str, Any],
        n_pictures: int = 3,
        baselines: Sequence[Path | str] | None = None,
        training_dir: Path | str | None = None,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.title = title
        self.label_names = dict(label_names)
        self.provenance = dict(provenance)
        self.n_pictures = n_pictures
        self.baselines = read_baselines(baselines or [])
        self.training_dir = Path(training_dir) if training_dir is not None else self.output_dir
        self.rows: dict[str, dict[str, Any]] = {}
        self._views: dict[str, CaseViews] = {}
        self._curves: dict[str, DVHCurves] = {}
        self._notes: dict[str, list[str]] = {}

    def add_case(
        self,
        case_id: str,
        metrics: Mapping[str, Any],
        ct: np.ndarray,
        reference: RadiotherapyReference,
        prediction: Mapping[str, np.ndarray],
    ) -> None:
        """Add a patient. Arrays are (x, y, z), growing to the patient's left, posterior and superior, on one grid.

        Args:
            case_id: the patient's name.
            metrics: of :func:`ctan_monai.metrics.radiotherapy_metrics`.
            ct: in HU.
            reference: what the prediction was measured against.
            prediction: `segmentation` (label map) and `dose` (Gy), as far as predicted.

        Raises:
            ValueError: if the patient was added before.
        """
        if case_id in self.rows:
            raise ValueError(f"Patient '{case_id}' is in the report already; are its data listed twice?")
        self.rows[case_id] = dict(metrics)
        self._notes[case_id] = missing_notes(reference, prediction, self.label_names)
        if self.n_pictures:
            self._views[case_id] = case_views(ct, reference, prediction)
            if reference.dose is not None and "dose" in prediction:
                self._curves[case_id] = dvh_curves(reference.dose, prediction["dose"], reference.structures)

    def write(self, summary: Mapping[str, Any]) -> Path:
        """Write the four files, each atomically.

        Args:
            summary: of :func:`ctan_monai.metrics.summarize` over the patients.

        Returns:
            Path of the HTML file.
        """
        results = {"title": self.title, "summary": summary, "patients": self.rows, "provenance": self.provenance}
        write_json(self.output_dir / "evaluation.json", results)
        write_per_patient_csv(self.output_dir / "per_patient.csv", self.rows)
        write_summary_csv(self.output_dir / "summary.csv", summary)
        organs = list(self.label_names.values())
        tables = {
            "organs": organ_table(summary, organs),
            "dose": dose_table(summary),
            "dvh": dvh_table(summary),
            "comparison": comparison_table(self.title, summary, self.baselines),
            "patients": patient_table(self.rows, organs),
        }
        page = render_html(
            "radiotherapy.html.j2",
            title=self.title,
            sentences=wording.summary_sentences(summary, organs),
            comparisons=wording.comparison_sentences(summary, self.baselines),
            figures=wording.key_figures(summary),
            tables=tables,
            cases=self._shown_cases(),
            training=training_charts(self.training_dir),
            limits=wording.limits(summary, organs, set(self.rows), self.baselines),
            provenance=flatten(self.provenance),
        )
        path = self.output_dir / "report.html"
        write_atomic(path, page)
        return path

    def _shown_cases(self) -> list[ShownCase]:
        return [
            shown_case(
                case_id,
                places,
                self.rows[case_id],
                self._views[case_id],
                self._curves.get(case_id),
                self.label_names,
                self._notes[case_id],
            )
            for case_id, places in shown_places(self.rows, self.n_pictures).items()
        ]
