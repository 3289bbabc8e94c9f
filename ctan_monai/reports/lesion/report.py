# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The report of an evaluation on images with a lesion's mask and a diagnosis."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ctan_monai.reports.baselines import comparison_table
from ctan_monai.reports.report import Report, ShownCase, choose_cases
from ctan_monai.utils.csv_tables import write_csv, write_per_patient_csv
from ctan_monai.utils.files import write_json

from .pictures import confusion_chart, lesion_png
from .tables import (
    MEASURES,
    case_facts,
    class_table,
    key_figures,
    limits,
    overlap_table,
    summary_sentences,
    value_entry,
    worst_table,
)

__all__ = ["LesionReport", "write_lesion_results"]

Picture = Callable[[], tuple[np.ndarray, np.ndarray]]


class LesionReport(Report):
    """Report of lesions' masks and diagnoses: `evaluation.json`, three tables as csv and `report.html`.

    Of each image only its row and its predicted mask, compressed, are kept: pictures are loaded when it is known which
    are shown. Its ``labels`` are the names of the diagnoses; for the other arguments see
    :class:`ctan_monai.reports.report.Report`.
    """

    template = "lesion.html.j2"
    cases = "images"
    pictures = 6

    def add_case(
        self, case_id: str, metrics: Mapping[str, Any], picture: Picture, predicted: np.ndarray | None
    ) -> None:
        """Add an image.

        Args:
            case_id: the image's name.
            metrics: its row, see :mod:`ctan_monai.metrics.lesion`.
            picture: gives the picture, uint8 (H, W, 3), and the reference mask, bool (H, W), when it is shown.
            predicted: mask, bool (H, W), on the same grid; None without that task.

        Raises:
            ValueError: if the image was added before.
        """
        self.add_row(case_id, metrics)
        packed = None if predicted is None else (zlib.compress(np.packbits(predicted).tobytes()), predicted.shape)
        self.kept[case_id] = picture, packed

    def write_results(self, results: Mapping[str, Any]) -> None:
        """Write `evaluation.json` and the tables."""
        write_lesion_results(self.output_dir, "evaluation", results, self.labels, prefix="")

    def content(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        """What the page has; ``summary`` is of :func:`ctan_monai.metrics.summarize_lesions` over the images."""
        diagnosis = summary["diagnosis"]
        return {
            "sentences": summary_sentences(summary),
            "figures": key_figures(summary),
            "tables": {
                "comparison": comparison_table(self.title, summary, self.baselines, self.cases, MEASURES, value_entry),
                "overlap": overlap_table(summary, self.rows, self.labels),
                "classes": class_table(summary, self.labels),
                "images": worst_table(self.rows),
            },
            "confusion": None if diagnosis is None else confusion_chart(diagnosis["confusion"], self.labels),
            "cases": self._shown(),
            "limits": limits(summary, self.labels, self.rows, self.baselines),
        }

    def _shown(self) -> list[ShownCase]:
        """Images from the best to the worst: by Dice, or by the probability of the true diagnosis."""
        values = {c: float(row["dice"]) for c, row in self.rows.items() if row.get("dice") is not None}
        measure = "Dice" if values else "probability of the true diagnosis"
        values = values or {c: float(row[f"p_{row['diagnosis']}"]) for c, row in self.rows.items()}
        cases = []
        for case_id, place in choose_cases(values, self.n_pictures, higher_is_better=True).items():
            facts = case_facts(self.rows[case_id])
            alt = f"{case_id}, left the image alone, right with contours. {facts}."
            picture, packed = self.kept[case_id]
            image, reference = picture()
            png = lesion_png(image, reference, None if packed is None else _unpacked(*packed))
            cases.append(ShownCase(case_id, f"{place[0].upper()}{place[1:]} {measure}: {facts}.", alt, png))
        return cases


def _unpacked(content: bytes, shape: tuple[int, ...]) -> np.ndarray:
    bits = np.frombuffer(zlib.decompress(content), np.uint8)
    return np.unpackbits(bits, count=int(np.prod(shape))).reshape(shape).astype(bool)


def write_lesion_results(
    folder: Path | str, name: str, results: Mapping[str, Any], classes: Sequence[str], prefix: str
) -> None:
    """Writes the result files of an evaluation or a baseline.

    Args:
        folder: of the files.
        name: of the json.
        results: `summary` and `images` (rows by case id) among others; written as json as they are.
        classes: names of the diagnoses.
        prefix: put before the names of the csv files.
    """
    folder, summary = Path(folder), results["summary"]
    write_json(folder / f"{name}.json", results)
    write_per_patient_csv(folder / f"{prefix}per_image.csv", results["images"])
    rows: list[dict[str, Any]] = [{"metric": metric, **values} for metric, values in summary["metrics"].items()]
    if (diagnosis := summary["diagnosis"]) is not None:
        count = sum(diagnosis["images"].values())
        names = ("accuracy", "balanced_accuracy", "macro_auroc")
        rows += [{"metric": metric, "mean": diagnosis[metric], "n": count} for metric in names]
        rows += [
            {"metric": f"{metric}_{c}", "mean": diagnosis[metric][c], "n": diagnosis["images"][c]}
            for metric in ("recall", "auroc")
            for c in classes
        ]
        table = zip(classes, diagnosis["confusion"], strict=True)
        confusion = [{"true": true, **dict(zip(classes, counts, strict=True))} for true, counts in table]
        write_csv(folder / f"{prefix}confusion.csv", confusion)
    write_csv(folder / f"{prefix}summary.csv", rows)
