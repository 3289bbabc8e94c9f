# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Probabilities of one patient as DICOM."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from monai.transforms import Transform

from ctan_monai.dicom import read_source, write_sr

from .dicom_kinds import dicom_kinds
from .results_folder import ResultsFolder

__all__ = ["SaveDicomSRd"]

KINDS = ("sr",)


class SaveDicomSRd(Transform):
    """Writes ``<case>_sr.dcm``, a structured report of the patient and study of the CT series that was given.

    Args:
        kinds: of :py:func:`ctan_monai.inference.dicom_kinds.dicom_kinds`; False writes nothing.
        meanings: key of a probability (one value) to what it is the probability of; missing keys are left out.
        results: where it goes.
        image_key: the CT, whose meta data name the folder of the series, or its files.
        warnings_key: text to put beside the probabilities; may be missing.
        write_implausible: whether to write probabilities that are not "usable", of
            :py:class:`ctan_monai.transforms.CropToLungsd`, with this verdict in the series' description.
    """

    def __init__(
        self,
        kinds: bool | str | Sequence[str],
        meanings: Mapping[str, str],
        results: ResultsFolder,
        image_key: str = "image",
        warnings_key: str = "warnings",
        write_implausible: bool = False,
    ) -> None:
        super().__init__()
        self.kinds = dicom_kinds(kinds, KINDS)
        self.meanings = dict(meanings)
        self.results = results
        self.image_key, self.warnings_key = image_key, warnings_key
        self.write_implausible = write_implausible

    def __call__(self, data: Mapping[Hashable, Any]) -> Mapping[Hashable, Any]:
        """Write the file.

        Raises:
            InputError: the input is not a DICOM series.
            OSError: the file cannot be written; the message names it.
        """
        case = str(data["case_id"])
        maker = self.results.dicom_maker(case, data, self.kinds, self.write_implausible)
        if self.kinds and maker is not None:
            source = read_source(data[self.image_key].meta["filename_or_obj"])
            values = {key: round(float(data[key].reshape(-1)[0]), 6) for key in self.meanings if key in data}
            path = self.results.file(case, "sr.dcm")
            write_sr(path, source, values, self.meanings, maker, str(data.get(self.warnings_key, "")))
        return data
