# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The report of an evaluation on images with a lesion's mask and a diagnosis."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ctan_monai.reports.baselines import read_baselines
from ctan_monai.reports.page import flatten, render_html
from ctan_monai.reports.select_cases import choose_cases
from ctan_monai.reports.training_curves import training_charts
from ctan_monai.utils.csv_tables import write_csv, write_per_patient_csv
from ctan_monai.utils.files import write_atomic, write_json

from . import sentences as wording
from .pictures import confusion_chart, lesion_png
from .tables import class_table, lesion_comparison_table, overlap_table, worst_table

__all__ = ["LesionReport", "write_lesion_results"]

Picture = Callable[[], tuple[np.ndarray, np.ndarray]]


class LesionReport:
    """Collects images, then writes `evaluation.json`, three tables as csv and `report.html`.

    Of each image only its row and its predicted mask, compressed, are kept: pictures are loaded when it is known which
    are shown.

    Args:
        output_dir: folder of the files; made when they are written.
        title: what was evaluated, heading of the page.
        classes: names of the diagnoses.
        provenance: of :func:`ctan_monai.utils.provenance`.
        n_pictures: number of images shown, spread from the best to the worst result.
        baselines: result files to compare with, see :func:`ctan_monai.reports.read_baselines`; read at once.
        training_dir: folder of the training's logs; `output_dir` if None. Without logs there are no training curves.

    Raises:
        ValueError: if a baseline's file cannot be used.
    """

    def __init__(
        self,
        output_dir: Path | str,
        title: str,
        classes: Sequence[str],
        provenance: Mapping[str, Any],
        n_pictures: int = 6,
        baselines: Sequence[Path | str] | None = None,
        training_dir: Path | str | None = None,
    ) -> None:
        self.output_dir = Path(output_dir)
        self.title = title
        self.classes = list(classes)
        self.provenance = dict(provenance)
        self.n_pictures = n_pictures
        self.baselines = read_baselines(baselines or [], "images")
        self.training_dir = Path(training_dir) if training_dir is not None else self.output_dir
        self.rows: dict[str, dict[str, Any]] = {}
        self._pictures: dict[str, Picture] = {}
        self._masks: dict[str, tuple[bytes, tuple[int, ...]] | None] = {}

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
        if case_id in self.rows:
            raise ValueError(f"Image '{case_id}' is in the report already; are its data listed twice?")
        self.rows[case_id] = dict(metrics)
        self._pictures[case_id] = picture
        packed = None if predicted is None else (zlib.compress(np.packbits(predicted).tobytes()), predicted.shape)
        self._masks[case_id] = packed

    def write(self, summary: Mapping[str, Any]) -> Path:
        """Write the files, each atomically.

        Args:
            summary: of :func:`ctan_monai.metrics.summarize_lesions` over the images.

        Returns:
            Path of the HTML file.
        """
        results = {"title": self.title, "summary": summary, "images": self.rows, "provenance": self.provenance}
        write_lesion_results(self.output_dir, "evaluation", results, self.classes, prefix="")
        diagnosis = summary["diagnosis"]
        page = render_html(
            "lesion.html.j2",
            title=self.title,
            sentences=wording.summary_sentences(summary),
            figures=wording.key_figures(summary),
            tables={
                "comparison": lesion_comparison_table(self.title, summary, self.baselines),
                "overlap": overlap_table(summary, self.rows, self.classes),
                "classes": class_table(summary, self.classes),
                "images": worst_table(self.rows),
            },
            confusion=None if diagnosis is None else confusion_chart(diagnosis["confusion"], self.classes),
            cases=[self._shown(case_id, place) for case_id, place in self._places().items()],
            training=training_charts(self.training_dir),
            limits=wording.limits(summary, self.classes, set(self.rows), self.baselines),
            provenance=flatten(self.provenance),
        )
        path = self.output_dir / "report.html"
        write_atomic(path, page)
        return path

    def _places(self) -> dict[str, str]:
        """Images to show, from the best: by Dice, or by the probability of the true diagnosis."""
        dice = {c: float(row["dice"]) for c, row in self.rows.items() if row.get("dice") is not None}
        if dice:
            return {c: f"{p} Dice" for c, p in choose_cases(dice, self.n_pictures, True).items()}
        true = {c: float(row[f"p_{row['diagnosis']}"]) for c, row in self.rows.items()}
        return {
            c: f"{p} probability of the true diagnosis" for c, p in choose_cases(true, self.n_pictures, True).items()
        }

    def _shown(self, case_id: str, place: str) -> dict[str, Any]:
        image, reference = self._pictures[case_id]()
        packed, row = self._masks[case_id], self.rows[case_id]
        predicted = None
        if packed is not None:
            bits = np.frombuffer(zlib.decompress(packed[0]), np.uint8)
            predicted = np.unpackbits(bits, count=int(np.prod(packed[1]))).reshape(packed[1]).astype(bool)
        facts = wording.case_facts(row)
        return {
            "case_id": case_id,
            "why": f"{place[0].upper()}{place[1:]}: {facts}.",
            "alt": f"{case_id}, left the image alone, right with contours. {facts}.",
            "picture": lesion_png(image, reference, predicted),
        }


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
        for metric in ("recall", "auroc"):
            rows += [
                {"metric": f"{metric}_{c}", "mean": diagnosis[metric][c], "n": diagnosis["images"][c]} for c in classes
            ]
        table = zip(classes, diagnosis["confusion"], strict=True)
        write_csv(
            folder / f"{prefix}confusion.csv",
            [{"true": true, **dict(zip(classes, counts, strict=True))} for true, counts in table],
        )
    write_csv(folder / f"{prefix}summary.csv", rows)
