# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Draws the README's two pictures: a prediction beside its reference, and the comparison of the methods.

example:
  make predict CT=data/openkbp/test/pt_279/ct.nii TARGETS=data/openkbp/test/pt_279/structures RESULTS=runs/pt_279
  python tools/readme_pictures.py --patient data/openkbp/test/pt_279 --results runs/pt_279 --output docs/pictures
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ctan_monai.comparison.paper import paper_rows
from ctan_monai.comparison.render import method_title
from ctan_monai.data.openkbp.patient import SEGMENTATION_ORGANS
from ctan_monai.metrics import RadiotherapyReference
from ctan_monai.reports.radiotherapy.pictures import case_figure, figure_png
from ctan_monai.reports.radiotherapy.planes import CaseViews, case_views
from ctan_monai.utils.files import write_atomic

REPOSITORY = Path(__file__).resolve().parents[1]
LABELS = {organ: label for label, organ in enumerate(SEGMENTATION_ORGANS, start=1)}
CHARTS = {"openkbp": "OpenKBP (40 test patients)", "ham10000": "HAM10000 (1,493 test lesions)"}
INK = {"light": "#30343a", "dark": "#d5d9de"}
OURS = {"light": "#0072b2", "dark": "#56b4e9"}
PAPERS = {"light": "#c05000", "dark": "#ff9d2e"}


def volume(path: Path) -> tuple[np.ndarray, tuple[float, float, float]]:
    """A NIfTI file as (x, y, z), growing to the patient's left, posterior and superior, and its spacing in mm."""
    image = nib.as_closest_canonical(nib.load(path))
    x, y, z = (float(s) for s in image.header.get_zooms()[:3])
    return np.asarray(image.dataobj)[::-1, ::-1], (x, y, z)


def prediction_figure(patient: Path, results: Path) -> Figure:
    """The axial plane that shows most of the structures."""
    ct, spacing = volume(patient / "ct.nii")
    reference = RadiotherapyReference(
        spacing=spacing,
        dose=volume(patient / "dose.nii")[0],
        segmentation=volume(patient / "segmentation.nii")[0],
        labels=LABELS,
        structures={p.name.split(".")[0]: volume(p)[0] > 0 for p in sorted((patient / "structures").glob("PTV*"))},
    )
    predicted = {name: volume(next(results.glob(f"*_{name}.nii.gz")))[0] for name in ("segmentation", "dose")}
    views = case_views(ct, reference, predicted)
    shown = [plane for plane in views.planes if plane.plane == "axial"]
    return case_figure(CaseViews(shown, views.max_dose), {value: name for name, value in LABELS.items()})


def comparison_figure(page: str) -> Figure:
    """Mean relative difference to STL of each method, with its interval, beside the paper's."""
    figure = Figure(figsize=(9, 2.6))
    FigureCanvasAgg(figure)
    for number, (bundle, title) in enumerate(CHARTS.items()):
        content = json.loads((REPOSITORY / "docs" / "results" / f"comparison_{bundle}" / "table.json").read_text())
        paper = {row["method"]: row for row in paper_rows(bundle)}
        axes = figure.add_subplot(1, 2, number + 1)
        rows = [row for row in content["rows"] if row["relative"] is not None]
        for place, row in enumerate(rows):
            found = row["relative"]
            low, high = found["mean"] - found["low"], found["high"] - found["mean"]
            axes.errorbar(found["mean"], place, xerr=[[low], [high]], fmt="o", color=OURS[page], capsize=3)
            if (theirs := _papers(paper, row["method"])) is not None:
                axes.plot(theirs, place, "D", color=PAPERS[page], markersize=6)
        axes.axvline(0, color=INK[page], linewidth=0.8)
        axes.set_yticks(range(len(rows)), [method_title(row["method"]).removesuffix(" (dwa)") for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_title(title, color=INK[page], fontsize=11)
        axes.set_xlabel("mean relative difference to STL (%)", color=INK[page])
        axes.tick_params(colors=INK[page])
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(INK[page])
    handles = [
        Line2D([], [], color=OURS[page], marker="o", label="here: mean and 95 % interval"),
        Line2D([], [], color=PAPERS[page], marker="D", linestyle="none", label="the paper"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=2, frameon=False, labelcolor=INK[page])
    figure.subplots_adjust(left=0.17, right=0.98, top=0.88, bottom=0.34, wspace=0.3)
    figure.patch.set_alpha(0)
    for axes in figure.axes:
        axes.patch.set_alpha(0)
    return figure


def _papers(rows: dict[str, dict[str, Any]], method: str) -> float | None:
    row = rows.get(method.removesuffix("_dwa"))
    return None if row is None else row["mean_difference"]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patient", type=Path, help="prepared OpenKBP patient; without it only the chart is drawn")
    parser.add_argument("--results", type=Path, help="results of make predict of that patient")
    parser.add_argument("--output", type=Path, required=True, help="folder for the PNG files")
    arguments = parser.parse_args()
    pictures = {f"comparison-{page}.png": comparison_figure(page) for page in INK}
    if arguments.patient is not None:
        if arguments.results is None:
            parser.error("--patient needs --results")
        pictures["prediction.png"] = prediction_figure(arguments.patient, arguments.results)
    for name, figure in pictures.items():
        write_atomic(arguments.output / name, figure_png(figure))
        print(f"written to {arguments.output / name}")


if __name__ == "__main__":
    main()
