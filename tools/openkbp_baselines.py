# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Measures trivial baselines on prepared OpenKBP data, by the same metrics as a network's evaluation.

Dose: the mean dose of the training patients, voxel by voxel, 0 outside the test patient's body. Contours: an atlas of
the training patients' organs, aligned by the body. Both are made from the section 'training' alone. Takes some minutes.

Writes into the output folder:
  baselines.json, baselines_per_patient.csv, baselines_summary.csv     the two baselines
  mean_dose_in_mask.json, ..._per_patient.csv, ..._summary.csv         the mean dose, 0 outside the possible-dose mask:
                            not a fair baseline for a network that is given the CT alone, but a figure to check against
  mean_dose_aligned.json, ..._per_patient.csv, ..._summary.csv         the mean dose, patients aligned by their bodies:
                            what the CT shows, where the release's grid also says where the target is
An evaluation's report shows baselines.json beside the network's results if the config's 'baselines' lists it.

example:
  python tools/openkbp_baselines.py --dataset_dir data/openkbp --output results
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from ctan_monai.data import read_datalist
from ctan_monai.data.datalist import load_datalist
from ctan_monai.data.openkbp.baselines import AlignedMeanDose, MeanDose, OrganAtlas
from ctan_monai.evaluation.radiotherapy import load_reference
from ctan_monai.imaging import body_mask
from ctan_monai.metrics import radiotherapy_metrics, summarize
from ctan_monai.utils import DataError, provenance
from ctan_monai.utils.command_line import run_baselines
from ctan_monai.utils.csv_tables import write_per_patient_csv, write_summary_csv
from ctan_monai.utils.files import prepare_output_dir, write_json

TASKS = ("segmentation", "dose")
DOSE_TEXT = "mean of the training patients' doses, voxel by voxel by index, without alignment; 0 outside the {}"
ALIGNED_TEXT = (
    "mean of the training patients' doses, aligned by the center of the body's bounding box and by voxel size; 0 "
    "outside the body"
)
ATLAS_TEXT = (
    "share of the training patients whose organ is at a voxel, patients aligned by the center of the body's bounding "
    "box and by voxel size; threshold by organ chosen by leave-one-out Dice on the training patients"
)


def _array(path: str) -> np.ndarray:
    return np.asanyarray(nib.load(path).dataobj)  # type: ignore[attr-defined]


def fit(cases: Sequence[Mapping[str, Any]], labels: Mapping[str, int]) -> tuple[MeanDose, AlignedMeanDose, OrganAtlas]:
    """The baselines from the training cases."""
    print(f"mean dose and organ atlas of {len(cases)} training patients ...", flush=True)
    dose = MeanDose(_array(case["dose"]) for case in cases if "dose" in case)
    patients = [
        (_array(case["segmentation"]), body_mask(_array(case["image"])), case["spacing"])
        for case in cases
        if "segmentation" in case
    ]
    doses = [
        (_array(case["dose"]), body_mask(_array(case["image"])), case["spacing"]) for case in cases if "dose" in case
    ]
    return dose, AlignedMeanDose(doses), OrganAtlas(patients, labels)


def evaluate(
    cases: Sequence[Mapping[str, Any]],
    labels: Mapping[str, int],
    dose: MeanDose,
    aligned: AlignedMeanDose,
    atlas: OrganAtlas,
) -> dict[str, dict[str, Any]]:
    """Rows of metrics by case id, of each of the results."""
    rows: dict[str, dict[str, Any]] = {"baselines": {}, "mean_dose_aligned": {}, "mean_dose_in_mask": {}}
    for case in cases:
        _, reference = load_reference(case, labels)
        assert reference.body is not None  # load_reference always gives it
        prediction = {
            "segmentation": atlas.predict(reference.body, reference.spacing),
            "dose": dose.predict(reference.body),
        }
        row = rows["baselines"][case["case_id"]] = radiotherapy_metrics(reference, prediction)
        by_body = {"dose": aligned.predict(reference.body, reference.spacing)}
        rows["mean_dose_aligned"][case["case_id"]] = radiotherapy_metrics(reference, by_body)
        if reference.possible_dose_mask is not None:
            in_mask = {"dose": dose.predict(reference.possible_dose_mask)}
            rows["mean_dose_in_mask"][case["case_id"]] = radiotherapy_metrics(reference, in_mask)
        shown = {name: row.get(name) for name in ("dice", "dose_score", "dvh_error")}
        print(
            case["case_id"], *(f"{name} {value:.2f}" for name, value in shown.items() if value is not None), flush=True
        )
    return rows


def run(dataset_dir: Path, output: Path, section: str) -> dict[str, Any]:
    """Fits, evaluates and writes; returns the headline numbers by result.

    Raises:
        DataError: the prepared data cannot be used, or the output folder cannot be written.
    """
    training = read_datalist(dataset_dir, "training", TASKS)
    cases = read_datalist(dataset_dir, section, TASKS)
    names = load_datalist(dataset_dir)["labels"]
    labels = {organ: int(value) for value, organ in names.items() if int(value) > 0}
    prepare_output_dir(output, 10, "--output")
    try:
        fitted = fit(training, labels)
    except ValueError as error:
        raise DataError(f"{dataset_dir}: the training patients make no baseline. {error}") from error
    headlines = {}
    settings = {
        "baselines": {
            "dose": DOSE_TEXT.format("body"),
            "segmentation": ATLAS_TEXT,
            "thresholds": fitted[-1].thresholds,
        },
        "mean_dose_aligned": {"dose": ALIGNED_TEXT},
        "mean_dose_in_mask": {"dose": DOSE_TEXT.format("possible-dose mask")},
    }
    titles = {
        "baselines": "Mean training dose and organ atlas",
        "mean_dose_aligned": "Mean training dose, patients aligned by their bodies",
        "mean_dose_in_mask": "Mean training dose in the possible-dose mask",
    }
    for name, rows in evaluate(cases, labels, *fitted).items():
        if not rows:
            continue
        summary = summarize(list(rows.values()))
        data = {"name": "OpenKBP", "section": section, "patients": len(rows), "training_patients": len(training)}
        result = {
            "name": titles[name],
            "settings": settings[name],
            "summary": summary,
            "patients": rows,
            "provenance": provenance(data=data),
        }
        write_per_patient_csv(output / f"{name}_per_patient.csv", rows)
        write_summary_csv(output / f"{name}_summary.csv", summary)
        write_json(output / f"{name}.json", result)
        metrics = summary["metrics"]
        headlines[name] = {
            **{key: metrics[key]["mean"] for key in ("dice", "mae_whole_volume", "mae_body") if key in metrics},
            "dose_score": summary["dose_score"],
            "dvh_score": summary["dvh_score"],
            "patients": summary["patients"],
        }
    return headlines


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    return run_baselines(__doc__, "tools/prepare_data.py openkbp", run, arguments)


if __name__ == "__main__":
    sys.exit(main())
