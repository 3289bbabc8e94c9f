# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Contours and dose of one patient as DICOM."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
from monai.transforms import Transform

from ctan_monai.dicom import dose_in_patient_axes, mask_outlines, read_source, write_rtdose, write_rtstruct, write_seg
from ctan_monai.dicom.snomed_codes import segment_code
from ctan_monai.transforms.load_targets import TARGETS_FILE
from ctan_monai.transforms.read_targets import is_structure_set

from .dicom_kinds import dicom_kinds
from .results_folder import ResultsFolder
from .save_nifti import case_id

__all__ = ["SaveDicomRTd"]

logger = logging.getLogger(__name__)
KINDS = ("rtstruct", "seg", "rtdose")


class SaveDicomRTd(Transform):
    """Writes ``<case>_rtstruct.dcm``, ``<case>_seg.dcm`` and ``<case>_rtdose.dcm`` beside the NIfTI files.

    The objects belong to the patient and study of the CT series that was given, in new series. An organ that was not
    found is not a structure; where none was, there is no structure set and no segmentation. Numbers and colors of
    structures and segments follow their labels. Of a case that is not usable nothing is written, or the objects say so.

    Args:
        kinds: of :py:func:`ctan_monai.inference.dicom_kinds.dicom_kinds`; False writes nothing.
        label_names: organ to label.
        results: where they go.
        image_key: the CT, whose meta data name the folder of the series, or its files.
        segmentation_key: label map (1, x, y, z) on the CT's own grid; may be missing.
        dose_key: dose in Gy on the same grid; may be missing.
        dose_grid: mm between the voxels of the RTDOSE, whose axes are the patient's; 0: as the CT's.
        dose_bits: of a voxel of the RTDOSE, 16 or 32.
        report_key: the report, whose warnings are copied into the objects; may be missing.
        tg263: call structures and segments by their names in AAPM TG-263, such as "Parotid_R".
        write_implausible: whether to write results that the report calls not usable, with this verdict in the series'
            description, the structure set's label, and the names of structures and segments.
    """

    def __init__(
        self,
        kinds: bool | str | Sequence[str],
        label_names: Mapping[str, int],
        results: ResultsFolder,
        image_key: str = "image",
        segmentation_key: str = "pred",
        dose_key: str = "dose",
        dose_grid: float = 0,
        dose_bits: int = 32,
        report_key: str = "report",
        tg263: bool = False,
        write_implausible: bool = False,
    ) -> None:
        super().__init__()
        self.kinds = dicom_kinds(kinds, KINDS)
        self.label_names = dict(label_names)
        self.results = results
        self.write_implausible = write_implausible
        self.image_key, self.report_key = image_key, report_key
        self.segmentation_key, self.dose_key = segmentation_key, dose_key
        if dose_bits not in (16, 32) or not (dose_grid == 0 or 0.5 <= dose_grid <= 10):
            raise ValueError(
                f"dose_grid {dose_grid}, dose_bits {dose_bits}: expected 0.5 to 10 mm, or 0 for the CT's own grid, "
                "and 16 or 32 bits."
            )
        self.dose_grid, self.dose_bits = dose_grid, dose_bits
        # by label, so that a structure has the same number in every patient, in RTSTRUCT and in SEG
        ordered = sorted(label_names, key=lambda organ: label_names[organ])
        self.numbers = {organ: number for number, organ in enumerate(ordered, start=1)}
        self.shown_names = {organ: segment_code(organ).standard_name if tg263 else organ for organ in label_names}

    def __call__(self, data: Mapping[Hashable, Any]) -> Mapping[Hashable, Any]:
        """Write the files.

        Raises:
            InputError: the input is not a DICOM series.
            OSError: a file cannot be written; the message names it.
        """
        if not self.kinds:
            return data
        name = case_id(data, self.image_key)
        report = data.get(self.report_key, {})
        maker = self.results.dicom_maker(name, report, self.kinds, self.write_implausible)
        if maker is None:
            return data
        source = read_source(data[self.image_key].meta["filename_or_obj"])
        warning = " ".join(report.get("warnings", []))
        paths = {kind: self.results.file(name, f"{kind}.dcm") for kind in self.kinds}
        if self.segmentation_key in data:
            labels = data[self.segmentation_key][0].cpu().numpy().astype(np.uint8)
            found = {organ: label for organ, label in self.label_names.items() if (labels == label).any()}
            if not found:
                logger.warning("%s: no organ was found, so there is no structure set and no segmentation.", name)
            elif "rtstruct" in paths:
                outlines = {organ: mask_outlines(labels == label, source.affine) for organ, label in found.items()}
                write_rtstruct(paths["rtstruct"], source, outlines, maker, warning, self.numbers, self.shown_names)
            if found and "seg" in paths:
                write_seg(paths["seg"], source, labels, self.label_names, maker, warning, self.shown_names)
        if self.dose_key in data and "rtdose" in paths:
            gray = data[self.dose_key][0].float().cpu().numpy()
            targets = data.get(TARGETS_FILE)
            structures = targets if targets is not None and is_structure_set(targets) else None
            dose = dose_in_patient_axes(gray, source.affine, self.dose_grid)
            write_rtdose(
                paths["rtdose"], source, dose.gray, dose.affine, maker, warning,
                structures=structures, bits=self.dose_bits,
            )  # fmt: skip
        return data
