# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Probabilities of image-level tasks as files."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from monai.transforms import Transform

from ctan_monai.utils.files import json_text, write_output

from .results_folder import ResultsFolder

__all__ = ["SaveProbabilitiesd"]

CSV_NAME = "probabilities.csv"


class SaveProbabilitiesd(Transform):
    """Writes ``<case>_probabilities.json`` for each case and one ``probabilities.csv`` for all cases of the folder.

    Both say first whether the case is "usable", of :py:class:`ctan_monai.transforms.CropToLungsd`. The csv is written
    anew and atomically after each case, so that an interrupted run leaves what is done.

    Args:
        names: key of a prediction (one value, or one a class) to the name of its column; missing keys are left out.
        results: where they go.
        extra: further keys of text to write, such as "source" and "warnings".
    """

    completes_case = True

    def __init__(
        self,
        names: Mapping[str, str],
        results: ResultsFolder,
        extra: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.names = dict(names)
        self.results = results
        self.extra = list(extra)
        self._rows: dict[str, dict[str, Any]] = {}

    def __call__(self, data: Mapping[Hashable, Any]) -> Mapping[Hashable, Any]:
        """Write the files.

        Raises:
            OSError: a file cannot be written; the message names it.
        """
        case_id = str(data["case_id"])
        probabilities: dict[str, Any] = {}
        for key, name in self.names.items():
            if key in data:
                values = [round(v, 6) for v in data[key].reshape(-1).float().cpu().tolist()]
                probabilities[name] = values[0] if len(values) == 1 else values
        extra = {key: data[key] for key in self.extra if key in data}
        verdict = {key: data[key] for key in ("usable", "unusable_because") if key in data}
        about = self.results.about(case_id) | ({"precision": data["precision"]} if "precision" in data else {})
        record = {"case_id": case_id, **verdict, **about, "probabilities": probabilities, **extra}
        write_output(self.results.file(case_id, "probabilities.json"), json_text(record))
        flat: dict[str, Any] = {}
        for name, value in probabilities.items():
            flat.update({f"{name}_{i}": v for i, v in enumerate(value)} if isinstance(value, list) else {name: value})
        self._rows[case_id] = {**({"usable": data["usable"]} if "usable" in data else {}), **flat, **extra}
        self.results.commit(case_id, record)
        self.results.write_table(CSV_NAME, self._rows)
        return data
