# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ctan_monai.utils.errors import content_of

from .datalist import DATALIST_NAME, load_datalist

_SECTIONS = ("training", "validation", "test")
_TEXTS = ("name", "description", "reference", "licence")
_FACTS = ("source", "split", "seed", "prepared", "network_grid")


def describe_data(dataset_dir: Path | str) -> dict[str, Any]:
    """What may be said of prepared data beside weights that were trained on them: nothing that names a case.

    Args:
        dataset_dir: folder of prepared data.

    Returns:
        name, description, reference and licence; the number of cases of each section; source, split, seed and time of
        preparation; "files_sha256", by which other data are told; and ``statistics`` of the training cases, which
        inference compares predictions with. Parts that the data lack are left out.

    Raises:
        DataError: the folder or its ``datalist.json`` cannot be read.
    """
    datalist = load_datalist(dataset_dir)
    known = {key: datalist[key] for key in (*_TEXTS, "statistics") if key in datalist}
    with content_of(Path(dataset_dir) / DATALIST_NAME, "Run ctan-monai prepare again."):
        counts = {section: len(datalist[section]) for section in _SECTIONS if section in datalist}
        provenance = datalist.get("provenance", {})
        facts = {key: provenance[key] for key in _FACTS if provenance.get(key) is not None}
        if files := datalist.get("files"):
            digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
            facts["files_sha256"] = digest  # of the list of all files' SHA-256
        return {**known, "cases": counts, **facts}
