# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The report of a radiotherapy evaluation: contours and dose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ctan_monai.bundle.files import write_atomic
from ctan_monai.metrics import RadiotherapyReference
from ctan_monai.reports import wording
from ctan_monai.reports.baselines import read_baselines
from ctan_monai.reports.cells import number
from ctan_monai.reports.charts import Chart
from ctan_monai.reports.choice import choose_cases
from ctan_monai.reports.dvh_chart import DVHCurves, dvh_charts, dvh_curves
from ctan_monai.reports.html import flatten, render_html
from ctan_monai.reports.measures import dose_error
from ctan_monai.reports.names import display_name
from ctan_monai.reports.pictures import case_png
from ctan_monai.reports.result_tables import (
    comparison_table,
    dose_table,
    dvh_table,
    organ_table,
    patient_table,
)
from ctan_monai.reports.tables import write_json, write_per_patient_csv, write_summary_csv
from ctan_monai.reports.training import training_charts
from ctan_monai.reports.views import CaseViews, case_views

__all__ = ["RadiotherapyReport"]


@dataclass(frozen=True)
class _ShownCase:
    """A patient on the page."""

    case_id: str
    why: str
    alt: str
    picture: bytes
    charts: list[Chart]
    notes: list[str]


class RadiotherapyReport:
    """Collects patients, then writes `evaluation.json`, `per_patient.csv`, `summary.csv` and `report.html`.

    Of each patient only its row, three slices and its dose-volume histograms are kept (about 1 MB at 128 x 128), so that
    it can be decided at the end whose pictures are shown.

    Args:
        output_dir: folder of the four files; made when they are written.
        title: what was evaluated, heading of the page.
        label_names: organ by label value, without background.
        provenance: of :func:`ctan_monai.reports.provenance`.
        n_pictures: number of patients shown for each task, spread from its best to its worst result.
        baselines: result files to compare with, see :func:`ctan_monai.reports.read_baselines`; read at once.
        training_dir: folder of the training's logs; `output_dir` if None. Without logs there are no training curves.

    Raises:
        ValueError: if a baseline's file cannot be used.

    Example:
        >>> report = RadiotherapyReport("out", "OpenKBP", {1: "brainstem"}, provenance(seed=0))  # doctest: +SKIP
        >>> report.add_case("pt_1", row, ct, reference, {"dose": dose})  # doctest: +SKIP
        >>> report.write(summarise([row]))  # doctest: +SKIP
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
        self._notes[case_id] = self._missing(reference, prediction)
        if self.n_pictures:
            self._views[case_id] = case_views(ct, reference, prediction)
            if reference.dose is not None and "dose" in prediction:
                self._curves[case_id] = dvh_curves(reference.dose, prediction["dose"], reference.structures)

    def write(self, summary: Mapping[str, Any]) -> Path:
        """Write the four files, each atomically.

        Args:
            summary: of :func:`ctan_monai.metrics.summarise` over the patients.

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

    def _missing(self, reference: RadiotherapyReference, prediction: Mapping[str, np.ndarray]) -> list[str]:
        """What a reader would look for in vain in the patient's pictures."""
        if reference.segmentation is None or "segmentation" not in prediction:
            return []
        true, predicted = (set(np.unique(a).tolist()) for a in (reference.segmentation, prediction["segmentation"]))
        names = {label: display_name(organ).lower() for label, organ in self.label_names.items()}
        lacking = [name for label, name in names.items() if label not in true]
        missed = [name for label, name in names.items() if label in true and label not in predicted]
        notes = [f"No reference contour: {', '.join(lacking)}."] if lacking else []
        return notes + ([f"Missed by the prediction: {', '.join(missed)}."] if missed else [])

    def _shown_cases(self) -> list[_ShownCase]:
        dice = {c: float(row["dice"]) for c, row in self.rows.items() if row.get("dice") is not None}
        errors = {c: error[1] for c, row in self.rows.items() if (error := dose_error(row)) is not None}
        reasons: dict[str, list[str]] = {}
        for case_id, place in choose_cases(dice, self.n_pictures, higher_is_better=True).items():
            reasons.setdefault(case_id, []).append(f"{place} Dice")
        for case_id, place in choose_cases(errors, self.n_pictures, higher_is_better=False).items():
            reasons.setdefault(case_id, []).append(f"{place} dose")
        return [self._shown_case(case_id, why) for case_id, why in reasons.items()]

    def _shown_case(self, case_id: str, reasons: Sequence[str]) -> _ShownCase:
        row = self.rows[case_id]
        facts = [f"mean Dice {number(row['dice'], 1)} %"] if row.get("dice") is not None else []
        if (error := dose_error(row)) is not None:
            facts.append(f"{error[0]} {number(error[1], 2)} Gy")
        return _ShownCase(
            case_id=case_id,
            why=f"{reasons[0][0].upper()}{', '.join(reasons)[1:]}: {', '.join(facts)}",
            alt=(
                f"CT of {case_id} in axial, coronal and sagittal planes with contours and dose; columns: reference, "
                f"prediction, difference. {', '.join(facts)}."
            ),
            picture=case_png(self._views[case_id], self.label_names),
            charts=dvh_charts(self._curves[case_id]) if case_id in self._curves else [],
            notes=self._notes[case_id],
        )
