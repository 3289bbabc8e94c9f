# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What the reports of an evaluation have in common: their files, and the frame of their page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ctan_monai.utils.csv_tables import write_per_patient_csv, write_summary_csv
from ctan_monai.utils.files import write_atomic, write_json

from .baselines import read_baselines
from .charts import Chart
from .page import flatten, render_html
from .training_curves import training_charts

__all__ = ["Report", "ShownCase", "choose_cases"]


@dataclass(frozen=True)
class ShownCase:
    """A case that a page has a picture of.

    Args:
        case_id: its name.
        why: its place among the cases, and its figures.
        alt: what the picture shows, for those who cannot see it.
        picture: PNG file.
        charts: of the case.
        notes: sentences on what is missing.
    """

    case_id: str
    why: str
    alt: str
    picture: bytes
    charts: Sequence[Chart] = field(default=())
    notes: Sequence[str] = field(default=())


class Report:
    """Collects cases, then writes `evaluation.json`, tables as csv and `report.html`.

    Args:
        output_dir: folder of the files; made when they are written.
        title: what was evaluated, heading of the page.
        labels: what the predictions are of; see the report's own class.
        provenance: of :func:`ctan_monai.utils.provenance`.
        n_pictures: number of cases shown for each task, spread from its best to its worst result; None: `pictures`.
        baselines: result files to compare with, see :func:`ctan_monai.reports.read_baselines`; read at once.
        training_dir: folder of the training's logs; `output_dir` if None. Without logs there are no training curves.

    Raises:
        ValueError: if a baseline's file cannot be used.
    """

    template: ClassVar[str]
    cases: ClassVar[str] = "patients"  # what a case is, in the files
    pictures: ClassVar[int] = 3

    def __init__(
        self,
        output_dir: Path | str,
        title: str,
        labels: Any,
        provenance: Mapping[str, Any],
        n_pictures: int | None = None,
        baselines: Sequence[Path | str] | None = None,
        training_dir: Path | str | None = None,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.title = title
        self.labels = labels
        self.provenance = dict(provenance)
        self.n_pictures = self.pictures if n_pictures is None else n_pictures
        self.baselines = read_baselines(baselines or [], self.cases)
        self.training_dir = self.output_dir if training_dir is None else Path(training_dir)
        self.rows: dict[str, dict[str, Any]] = {}
        self.kept: dict[str, Any] = {}  # what a case's picture or a curve needs besides its row

    def add_row(self, case_id: str, row: Mapping[str, Any]) -> None:
        """Add a case's row.

        Raises:
            ValueError: if the case was added before.
        """
        if case_id in self.rows:
            raise ValueError(f"Case '{case_id}' is in the report already; are its data listed twice?")
        self.rows[case_id] = dict(row)

    def content(self, summary: Any) -> dict[str, Any]:
        """What the page has besides its frame: `figures`, `sentences`, `limits`, and the template's own."""
        raise NotImplementedError

    def write_results(self, results: Mapping[str, Any]) -> None:
        """Write `evaluation.json` and the tables."""
        write_json(self.output_dir / "evaluation.json", results)
        write_per_patient_csv(self.output_dir / "per_patient.csv", results[self.cases])
        write_summary_csv(self.output_dir / "summary.csv", results["summary"])

    def write(self, summary: Mapping[str, Any]) -> Path:
        """Write the files, each atomically.

        Args:
            summary: of the cases, of the report's own function in :mod:`ctan_monai.metrics`.

        Returns:
            Path of the HTML file.
        """
        self.write_results(
            {"title": self.title, "summary": summary, self.cases: self.rows, "provenance": self.provenance}
        )
        path = self.output_dir / "report.html"
        frame = {"training": training_charts(self.training_dir), "provenance": flatten(self.provenance)}
        write_atomic(path, render_html(self.template, title=self.title, **frame, **self.content(summary)))
        return path


def choose_cases(values: Mapping[str, float], count: int, higher_is_better: bool) -> dict[str, str]:
    """Patients spread evenly from best to worst.

    Args:
        values: by case id.
        count: of patients; 3 gives the best, the median and the worst.
        higher_is_better: or lower.

    Returns:
        By case id, best first, its place: `best`, `median`, `worst`, or `no. 4 of 14 by`; `only` for a single patient.
        The first of equal values wins. Fewer where there are not so many.
    """
    order = sorted(values, key=values.__getitem__, reverse=higher_is_better)
    last = len(order) - 1
    positions = sorted(set(np.linspace(0, last, count).astype(int).tolist())) if order else []
    places = {last // 2: "median", last: "worst", 0: "best"} if last else {0: "only"}
    return {order[p]: places.get(p, f"no. {p + 1} of {len(order)} by") for p in positions}
