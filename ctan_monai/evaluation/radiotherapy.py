# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import torch

from ctan_monai.imaging import body_mask
from ctan_monai.metrics import DVH_METRICS, RadiotherapyReference, radiotherapy_metrics, summarize
from ctan_monai.reports import RadiotherapyReport

from .base import CaseEvaluation


def load_reference(
    case: Mapping[str, Any], labels: Mapping[str, int], dvh_metrics: Mapping[str, Sequence[str]] = DVH_METRICS
) -> tuple[np.ndarray, RadiotherapyReference]:
    """The CT (HU) of a prepared case, and all that a prediction for it is measured against.

    Args:
        case: item of a data list, see :py:func:`ctan_monai.data.read_datalist`; its "original" volumes where it has
            them.
        labels: organ to label value.
        dvh_metrics: by structure, which DVH metrics.
    """
    case = {**case, **case.get("original", {})}

    def array(path: str) -> np.ndarray:
        return np.asanyarray(nib.load(path).dataobj)  # type: ignore[attr-defined]

    ct = array(case["image"])
    mask = case.get("possible_dose_mask")
    return ct, RadiotherapyReference(
        spacing=case["spacing"],
        dose=array(case["dose"]) if "dose" in case else None,
        segmentation=array(case["segmentation"]) if "segmentation" in case else None,
        labels=labels,  # an organ that was not contoured has no voxel in the reference, and so no metric
        body=body_mask(ct),
        possible_dose_mask=array(mask) > 0 if mask else None,
        structures={name: array(path) > 0 for name, path in case.get("structures", {}).items()},
        dvh_metrics=dvh_metrics,
    )


class RadiotherapyEvaluation(CaseEvaluation):
    """Measures an evaluator's predictions patient by patient, and writes json, csv and the HTML report.

    It reads "pred_segmentation" (one-hot, or a label map of one channel) and "pred_dose" (Gy) of the post-processed
    output, on the patient's own grid; or "segmentation" and "dose", as inference's post-processing calls them.

    Args:
        cases: the evaluated section of the data list.
        output_dir: where the files are written.
        title: name of the data set, for the report.
        labels: organ to label value.
        training_dir: folder of the training's logs, for its curves.
        baselines: result files of trivial baselines, for comparison.
        seed: the run's seed, for the record.
        settings: the config's values worth stating, for the record.
        dvh_metrics: by structure, which DVH metrics, "default" for the labels that are not named; OpenKBP's by default.
    """

    def __init__(
        self,
        cases: Sequence[Mapping[str, Any]],
        output_dir: str | Path,
        title: str,
        labels: Mapping[str, int],
        training_dir: str | Path | None = None,
        baselines: Sequence[str | Path] = (),
        seed: int | None = None,
        settings: Mapping[str, Any] | None = None,
        dvh_metrics: Mapping[str, Sequence[str]] = DVH_METRICS,
    ) -> None:
        self.labels = dict(labels)
        self.dvh_metrics = dict(dvh_metrics)
        default = self.dvh_metrics.pop("default", None)
        if default is not None:
            self.dvh_metrics = {label: self.dvh_metrics.get(label, default) for label in labels}
        super().__init__(
            cases,
            lambda: RadiotherapyReport(
                output_dir=output_dir,
                title=title,
                labels={value: organ for organ, value in labels.items()},
                provenance=self.provenance(title, "patients", settings, seed, training_dir),
                baselines=list(baselines),
                training_dir=training_dir,
            ),
        )

    def measure(self, case: Mapping[str, Any], output: Mapping[str, Any]) -> None:
        """Measure one patient."""
        ct, reference = load_reference(case, self.labels, self.dvh_metrics)
        prediction = _prediction(output)
        row = radiotherapy_metrics(reference, prediction)
        self.rows.append(row)
        self.report.add_case(str(case["case_id"]), row, ct, reference, prediction)

    def metrics(self) -> dict[str, float]:
        """Each measure's mean over the patients that have it."""
        means = {name: value["mean"] for name, value in summarize(self.rows)["metrics"].items()}
        return {name: mean for name, mean in means.items() if mean is not None}

    def write(self) -> Path:
        """Write json, csv and the report; returns the report's path."""
        result: Path = self.report.write(summarize(self.rows))
        return result


def _prediction(output: Mapping[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Arrays (X, Y, Z) of the tasks that the network has."""
    arrays = {}
    labels, dose = (output.get(f"pred_{task}", output.get(task)) for task in ("segmentation", "dose"))
    if labels is not None:
        labels = labels[0] if labels.shape[0] == 1 else labels.argmax(0)
        arrays["segmentation"] = labels.to(torch.uint8).cpu().numpy()
    if dose is not None:
        arrays["dose"] = dose[0].float().cpu().numpy()
    return arrays
