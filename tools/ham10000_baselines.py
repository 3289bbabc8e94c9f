# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Measures a trivial baseline on prepared HAM10000 data, by the same metrics as a network's evaluation.

Diagnosis: always the most frequent one of the training images, with their frequencies as probabilities. Mask: the dark
region at the center, by Otsu's threshold of the prepared image, brought onto the original mask's grid.

Writes baselines.json, baselines_per_image.csv, baselines_summary.csv and baselines_confusion.csv in the output folder.
An evaluation's report shows the baseline beside the network's results if the config's 'baselines' lists baselines.json.

example:
  python tools/ham10000_baselines.py --dataset_dir data/ham10000 --output results
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from ctan_monai.data import read_datalist
from ctan_monai.data.datalist import load_datalist
from ctan_monai.data.ham10000.baselines import MajorityClass, center_mask
from ctan_monai.imaging.letterbox import undo_letterbox
from ctan_monai.imaging.photos import read_mask
from ctan_monai.metrics import diagnosis_metrics, lesion_mask_metrics, summarize_lesions
from ctan_monai.reports import write_lesion_results
from ctan_monai.utils import provenance
from ctan_monai.utils.command_line import run_baselines
from ctan_monai.utils.files import prepare_output_dir

SETTINGS = {
    "diagnosis": "the most frequent diagnosis of the training images; probabilities are their frequencies",
    "segmentation": "Otsu's threshold of the brightness, dark component nearest to the center, holes filled",
}


def predict_mask(case: Mapping[str, Any], shape: Sequence[int]) -> np.ndarray:
    """The center mask of a prepared image, on a grid of the original mask's shape."""
    top, left, height, width = case["box"]
    row = np.load(case["image"], mmap_mode="r")[case["index"]]
    mask = np.zeros(row.shape[:2], np.float32)
    mask[top : top + height, left : left + width] = center_mask(np.array(row[top : top + height, left : left + width]))
    return undo_letterbox(torch.from_numpy(mask)[None], case["box"], shape)[0].numpy() >= 0.5


def run(dataset_dir: Path, output: Path, section: str) -> dict[str, Any]:
    """Evaluates and writes; returns the headline numbers.

    Raises:
        DataError: the prepared data cannot be used.
    """
    training = read_datalist(dataset_dir, "training", ["diagnosis"])
    cases = read_datalist(dataset_dir, section, ["segmentation", "diagnosis"])
    classes = load_datalist(dataset_dir)["classes"]
    prepare_output_dir(output, 10, "--output")
    majority = MajorityClass([case["diagnosis"] for case in training], len(classes))
    rows = {}
    for case in tqdm(cases, desc="Measuring the baseline", unit="image"):
        reference = read_mask(case["mask"])
        row = lesion_mask_metrics(reference, predict_mask(case, reference.shape))
        rows[case["case_id"]] = row | diagnosis_metrics(case["diagnosis"], majority.probabilities, classes)
    summary = summarize_lesions(list(rows.values()), classes)
    data = {"name": "HAM10000", "section": section, "images": len(rows), "training_images": len(training)}
    result = {
        "name": "Majority class and threshold at the center",
        "settings": SETTINGS,
        "summary": summary,
        "images": rows,
        "provenance": provenance(data=data),
    }
    write_lesion_results(output, "baselines", result, classes, prefix="baselines_")
    diagnosis = summary["diagnosis"]
    return {
        **{name: values["mean"] for name, values in summary["metrics"].items()},
        **{name: diagnosis[name] for name in ("accuracy", "balanced_accuracy", "macro_auroc")},
        "images": summary["images"],
        "missed": summary["missed"],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    return run_baselines(__doc__, "tools/prepare_data.py ham10000", run, arguments)


if __name__ == "__main__":
    sys.exit(main())
