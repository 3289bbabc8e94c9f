# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The page of one patient as a file."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ctan_monai.inference import ResultsFolder
from ctan_monai.inference.plausibility_report import TARGET_MASKS
from ctan_monai.inference.save_nifti import case_id
from ctan_monai.transforms import LoadImageCTd
from ctan_monai.utils.files import write_output

from .network import network_facts
from .pdf import check_pdf, page_pdf
from .sheet import patient_page
from .volumes import page_volumes

__all__ = ["SavePatientPaged"]


class SavePatientPaged:
    """Writes ``<case>_page.html`` and ``<case>_page.pdf``, each whole or not at all: one sheet for the patient's file.

    Args:
        results: where they go.
        label_names: organ to label.
        bundle_root: of the bundle, for what the page says of the network.
        checkpoint: file of the weights; None: unknown.
        html: whether to write the HTML.
        pdf: whether to write the PDF.
        image_key: the CT, whose meta data name the file; it is read again, for the network has it on another grid.
        segmentation_key: label map (1, x, y, z) on the CT's own grid; may be missing.
        dose_key: dose in Gy on the same grid; may be missing.
        body_key: bool mask on the same grid.
        report_key: of :py:class:`ctan_monai.inference.ReportPlausibilityd`, which also leaves the targets' masks.

    Raises:
        InputError: a PDF is asked for, and what writes it is not installed.
    """

    def __init__(
        self,
        results: ResultsFolder,
        label_names: Mapping[str, int],
        bundle_root: str | Path,
        checkpoint: str | Path | None = None,
        html: bool = True,
        pdf: bool = False,
        image_key: str = "image",
        segmentation_key: str = "pred",
        dose_key: str = "dose",
        body_key: str = "body",
        report_key: str = "report",
    ) -> None:
        if pdf:
            check_pdf()
        self.results = results
        self.label_names = dict(label_names)
        self.html, self.pdf = html, pdf
        self.facts = network_facts(bundle_root, checkpoint)
        self.image_key, self.body_key, self.report_key = image_key, body_key, report_key
        self.segmentation_key, self.dose_key = segmentation_key, dose_key

    def __call__(self, data: Mapping[Hashable, Any]) -> None:
        """Write the files.

        Raises:
            OSError: a file cannot be written; the message names it.
        """
        if not (self.html or self.pdf):
            return
        ct = LoadImageCTd("image")({"image": data[self.image_key].meta["filename_or_obj"]})["image"]
        arrays = {
            key: data[key][0].cpu().numpy()
            for key in (self.segmentation_key, self.dose_key, self.body_key)
            if key in data
        }
        volumes = page_volumes(
            ct.numpy(),
            arrays[self.body_key].astype(bool),
            np.asarray(ct.affine, dtype=float),
            arrays.get(self.segmentation_key),
            self.label_names,
            data.get(TARGET_MASKS, {}),
            arrays.get(self.dose_key),
        )
        name = case_id(data, self.image_key)
        organs = list(self.label_names) if self.segmentation_key in data else []
        page = patient_page(data[self.report_key], self.results.about(name), volumes, organs, self.facts)
        printed = page_pdf(page) if self.pdf else b""  # before the first file is written
        if self.html:
            write_output(self.results.file(name, "page.html"), page)
        if self.pdf:
            write_output(self.results.file(name, "page.pdf"), printed)
