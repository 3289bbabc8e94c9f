# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The mask of one photograph as DICOM."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from monai.transforms import Transform

from ctan_monai.dicom import write_sc

from .dicom_kinds import dicom_kinds
from .results_folder import ResultsFolder

__all__ = ["SaveDicomSCd"]

KINDS = ("sc",)


class SaveDicomSCd(Transform):
    """Writes ``<case>_sc.dcm``, a secondary capture of the mask, of a new patient and study.

    Args:
        kinds: of :py:func:`ctan_monai.inference.dicom_kinds.dicom_kinds`; False writes nothing.
        results: where it goes.
        mask_key: label map (1, H, W) on the photograph's own grid; may be missing.
    """

    def __init__(self, kinds: bool | str | Sequence[str], results: ResultsFolder, mask_key: str = "pred") -> None:
        super().__init__()
        self.kinds = dicom_kinds(kinds, KINDS)
        self.results = results
        self.mask_key = mask_key

    def __call__(self, data: Mapping[Hashable, Any]) -> Mapping[Hashable, Any]:
        """Write the file.

        Raises:
            OSError: the file cannot be written; the message names it.
        """
        if self.kinds and self.mask_key in data:
            mask = data[self.mask_key][0].cpu().numpy() > 0
            case_id = str(data["case_id"])
            maker = self.results.maker
            write_sc(self.results.file(case_id, "sc.dcm"), mask, case_id, maker)
        return data
