# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Results of one patient as files."""

from __future__ import annotations

import gzip
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import IO, Any

import nibabel as nib
import numpy as np
from monai.data import MetaTensor
from monai.transforms import Transform

from ctan_monai.imaging.nifti import is_nifti, nifti_stem
from ctan_monai.utils import image_name
from ctan_monai.utils.files import json_text, write_output

from .results_folder import ResultsFolder

__all__ = ["SaveImagesd", "case_id"]


class SaveImagesd(Transform):
    """Writes ``<case>_<name>.nii.gz`` for each prediction and ``<case>_report.json``, and completes the case.

    MONAI's ``SaveImaged`` names files after the input's and writes in place: the slices' folder of a DICOM series is
    not a patient's name, and an interrupted run would leave half a file. MONAI Deploy leaves transforms whose names
    start with ``SaveImage`` out: it writes by itself.

    Args:
        names: key of a prediction (1, x, y, z) to its part of the file's name; missing keys are left out.
        results: where they go.
        image_key: the CT, whose original affine the files get.
        report_key: the report, to which is added who made it, of which image, and how many seconds reading, network,
            post-processing and writing took; may be missing. It is written last.
    """

    completes_case = True

    def __init__(
        self,
        names: Mapping[str, str],
        results: ResultsFolder,
        image_key: str = "image",
        report_key: str = "report",
    ) -> None:
        super().__init__()
        self.names = dict(names)
        self.results = results
        self.image_key = image_key
        self.report_key = report_key

    def __call__(self, data: Mapping[Hashable, Any]) -> Mapping[Hashable, Any]:
        """Write the files.

        Raises:
            OSError: a file cannot be written; the message names it.
        """
        name = case_id(data, self.image_key)
        affine = np.asarray(data[self.image_key].meta["original_affine"], dtype=float)
        report: dict[str, Any] | None = data.get(self.report_key)
        maker = self.results.maker
        if report is not None and not report.get("usable", True):
            maker = maker.implausible()
        for key in (k for k in self.names if k in data):
            write_output(
                self.results.file(name, f"{self.names[key]}.nii.gz"),
                _nifti(data[key], affine, maker.comment),
            )
        if report is not None:
            made: dict[str, Any] = self.results.about(name)
            made |= {"precision": data["precision"]} if "precision" in data else {}
            if "stopwatch" in data:
                data["stopwatch"].lap("writing")
                made["seconds"] = {part: round(value, 2) for part, value in data["stopwatch"].seconds.items()}
            report = {**report, **made}
            write_output(self.results.file(name, "report.json"), json_text(report))
        self.results.commit(name, report)
        return data


def case_id(data: Mapping[Hashable, Any], image_key: str = "image") -> str:
    """The item's ``case_id``, else the name of its CT's file or folder."""
    if data.get("case_id"):
        return str(data["case_id"])
    source = image_name(data[image_key].meta.get("filename_or_obj", "case"))
    return nifti_stem(source) if is_nifti(source) else Path(source).name


def _nifti(prediction: MetaTensor, affine: np.ndarray, about: str) -> Any:
    image = nib.Nifti1Image(prediction[0].cpu().numpy(), affine)
    image.set_qform(affine, code=1)  # readers differ in which of the two they follow
    image.set_sform(affine, code=1)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = about.encode("ascii", "replace")[:79]

    def write(stream: IO[bytes]) -> None:
        # level 1: a dose of 50 million voxels in seconds, at some 10 % more bytes than level 6
        with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=1, mtime=0, filename="") as compressed:
            image.to_stream(compressed)

    return write
