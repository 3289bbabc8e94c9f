# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The report of a radiotherapy evaluation: contours and dose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ctan_monai.metrics import RadiotherapyReference
from ctan_monai.reports.report import Report, ShownCase, choose_cases
from ctan_monai.reports.structures import display_name
from ctan_monai.reports.table import number

from . import sentences, tables
from .dvh_chart import dvh_charts, dvh_curves
from .measures import dose_error
from .pictures import case_png
from .planes import case_views

__all__ = ["RadiotherapyReport"]


class RadiotherapyReport(Report):
    """Report of contours and dose: `evaluation.json`, `per_patient.csv`, `summary.csv` and `report.html`.

    Of each patient only its row, three slices and its dose-volume histograms are kept (below 1 MB at 128 x 128), so
    that it can be decided at the end whose pictures are shown. Its ``labels`` are the organs by label value, without
    background; for the other arguments see :class:`ctan_monai.reports.report.Report`.

    Example:
        >>> report = RadiotherapyReport("out", "OpenKBP", {1: "brainstem"}, provenance(seed=0))  # doctest: +SKIP
        >>> report.add_case("pt_1", row, ct, reference, {"dose": dose})  # doctest: +SKIP
        >>> report.write(summarize([row]))  # doctest: +SKIP
        PosixPath('out/report.html')
    """

    template = "radiotherapy.html.j2"

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
        self.add_row(case_id, metrics)
        if self.n_pictures:
            curves = None
            if reference.dose is not None and "dose" in prediction:
                curves = dvh_curves(reference.dose, prediction["dose"], reference.structures)
            notes = _missing_notes(reference, prediction, self.labels)
            self.kept[case_id] = case_views(ct, reference, prediction), curves, notes

    def content(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        """What the page has; ``summary`` is of :func:`ctan_monai.metrics.summarize` over the patients."""
        organs = list(self.labels.values())
        return {
            "sentences": sentences.summary_sentences(summary, organs),
            "comparisons": sentences.comparison_sentences(summary, self.baselines),
            "figures": sentences.key_figures(summary),
            "tables": {
                "organs": tables.organ_table(summary, organs),
                "dose": tables.dose_table(summary),
                "dvh": tables.dvh_table(summary),
                "comparison": tables.methods_table(self.title, summary, self.baselines),
                "patients": tables.patient_table(self.rows, organs),
            },
            "cases": [self._shown(case_id, places) for case_id, places in self._places().items()],
            "limits": sentences.limits(summary, organs, self.rows, self.baselines),
        }

    def _places(self) -> dict[str, list[str]]:
        """Patients to show, from the best, and why, for instance `["best Dice", "median dose"]`."""
        dice = {c: float(row["dice"]) for c, row in self.rows.items() if row.get("dice") is not None}
        errors = {c: error[1] for c, row in self.rows.items() if (error := dose_error(row)) is not None}
        places: dict[str, list[str]] = {}
        for values, task in ((dice, "Dice"), (errors, "dose")):
            for case_id, place in choose_cases(values, self.n_pictures, higher_is_better=task == "Dice").items():
                places.setdefault(case_id, []).append(f"{place} {task}")
        return places

    def _shown(self, case_id: str, places: Sequence[str]) -> ShownCase:
        row, place = self.rows[case_id], ", ".join(places)
        views, curves, notes = self.kept[case_id]
        facts = [f"mean Dice {number(row['dice'], 1)} %"] if row.get("dice") is not None else []
        if (error := dose_error(row)) is not None:
            facts.append(f"{error[0]} {number(error[1], 2)} Gy")
        return ShownCase(
            case_id=case_id,
            why=f"{place[0].upper()}{place[1:]}: {', '.join(facts)}.",
            alt=f"CT of {case_id} in axial, coronal and sagittal planes with contours and dose; columns: reference, "
            f"prediction, difference. {', '.join(facts)}.",
            picture=case_png(views, self.labels),
            charts=() if curves is None else dvh_charts(curves),
            notes=notes,
        )


def _missing_notes(
    reference: RadiotherapyReference, prediction: Mapping[str, np.ndarray], labels: Mapping[int, str]
) -> list[str]:
    """What a reader would look for in vain in a patient's pictures: organs without contour, and organs missed."""
    if reference.segmentation is None or "segmentation" not in prediction:
        return []
    true, predicted = (set(np.unique(a).tolist()) for a in (reference.segmentation, prediction["segmentation"]))
    names = {label: display_name(organ).lower() for label, organ in labels.items()}
    lacking = [name for label, name in names.items() if label not in true]
    missed = [name for label, name in names.items() if label in true and label not in predicted]
    notes = [f"No reference contour: {', '.join(lacking)}."] if lacking else []
    return notes + ([f"Missed by the prediction: {', '.join(missed)}."] if missed else [])
