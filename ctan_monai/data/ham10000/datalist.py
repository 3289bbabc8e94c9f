# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The data list of prepared HAM10000 images: the split by lesion, and where everything comes from."""

from __future__ import annotations

import datetime
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ctan_monai.data.datalist import DATALIST_NAME, load_datalist, read_datalist
from ctan_monai.data.preparation.split import SECTIONS, merge_small_strata, stratified_split
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import file_sha256

from .chunk import IMAGES, MASKS, SEGMENTATIONS
from .metadata import CLASSES, MetadataRow
from .release import Release

__all__ = ["make_datalist", "read_images", "split_lesions"]

_FRACTIONS = (0.7, 0.1, 0.2)
_CITATION = (
    "Tschandl P., Rosendahl C., Kittler H.: The HAM10000 dataset, Sci Data 5:180161 (2018); masks: Tschandl P. et al.: "
    "Human-computer collaboration for skin cancer recognition, Nat Med 26:1229-1234 (2020)"
)


def split_lesions(rows: Sequence[MetadataRow], seed: int) -> tuple[dict[str, str], list[str]]:
    """Section of each lesion, stratified by diagnosis, 70/10/20 % of the lesions; and notes on what was odd.

    All images of a lesion are in one section, for they look alike: an image of a lesion that was trained on would
    measure memory.
    """
    by_lesion: dict[str, Counter[str]] = {}
    for row in sorted(rows, key=lambda row: row.image_id):
        by_lesion.setdefault(row.lesion_id, Counter())[row.dx] += 1
    several = [lesion for lesion, found in by_lesion.items() if len(found) > 1]
    strata = {lesion: min(found, key=lambda dx: (-found[dx], dx)) for lesion, found in by_lesion.items()}
    _, notes = merge_small_strata(strata, _FRACTIONS)
    if several:
        notes.append(f"{len(several)} lesions have several diagnoses, split by the most frequent: {several[0]}")
    return stratified_split(strata, _FRACTIONS, seed), notes


def make_datalist(
    source: str,
    release: Release,
    records: Sequence[Mapping[str, Any]],
    skipped: Sequence[Mapping[str, str]],
    size: Sequence[int],
    seed: int,
) -> dict[str, Any]:
    """The content of ``datalist.json``.

    Args:
        source: name of the release's folder.
        release: what was found in it.
        records: of :py:func:`ctan_monai.data.ham10000.chunk.prepare_chunk`, of the images that can be used.
        skipped: images left out, and why.
        size: height and width of the arrays.
        seed: of the split.
    """
    rows = {record["image_id"]: release.rows[record["image_id"]] for record in records}
    lesions, notes = split_lesions(list(rows.values()), seed)
    sections: dict[str, list[dict[str, Any]]] = {section: [] for section in SECTIONS}
    for record in records:
        row = rows[record["image_id"]]
        sections[lesions[row.lesion_id]].append(_entry(record, row))
    unmatched = {
        "metadata_rows_without_image": sorted(set(release.rows) - set(release.images)),
        "masks_without_image": sorted(set(release.masks) - set(release.images)),
    }
    return {
        "name": "HAM10000",
        "description": "Dermoscopic images, mask of the lesion (label 1) and one of seven diagnoses.",
        "reference": _CITATION,
        "licence": "CC BY-NC 4.0",
        "modality": {"0": "RGB"},
        "labels": {"0": "background", "1": "lesion"},
        "classes": list(CLASSES),
        "size": list(size),
        "tensorImageSize": "2D",
        "numTraining": len(sections["training"]),
        "numTest": len(sections["test"]),
        **sections,
        "provenance": {
            "source": source,
            "split": "by lesion_id, stratified by dx, 70/10/20 % of the lesions",
            "seed": seed,
            "prepared": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "skipped": list(skipped),
            "unmatched": unmatched,
            "notes": [*release.notes, *notes],
            "source_sha256": {
                release.metadata.path.name: hashlib.sha256(release.metadata.read()).hexdigest(),
                **{path.name: file_sha256(path) for path in sorted(_zips(release))},
            },
        },
        "statistics": {
            "images": {section: _count(entries) for section, entries in sections.items()},
            "lesions": {section: len({e["facts"]["lesion_id"] for e in found}) for section, found in sections.items()},
        },
    }


def read_images(
    dataset_dir: Path | str, section: str, tasks: Sequence[str], size: Sequence[int]
) -> list[dict[str, Any]]:
    """Cases of one section, see :py:func:`ctan_monai.data.read_datalist`, prepared at the size that the config wants.

    Raises:
        DataError: see there; or the data were prepared at another size.
    """
    found = load_datalist(dataset_dir).get("size")
    if found != list(size):
        raise DataError(
            f"{Path(dataset_dir) / DATALIST_NAME}: the images were prepared at {found}, the config's size is "
            f"{list(size)}. Give --size '{str(found).replace(' ', '')}', or prepare them again at the config's size."
        )
    return read_datalist(dataset_dir, section, tasks)


def _entry(record: Mapping[str, Any], row: MetadataRow) -> dict[str, Any]:
    return {
        "case_id": row.image_id,
        "image": IMAGES,
        "segmentation": SEGMENTATIONS,
        "index": record["index"],
        "mask": f"{MASKS}/{row.image_id}.png",
        "diagnosis": CLASSES.index(row.dx),
        "box": record["box"],
        "facts": {
            "lesion_id": row.lesion_id,
            "dx": row.dx,
            **row.facts,
            "image_size": record["image_size"],
            "mask_size": record["mask_size"],
            "lesion_fraction": record["lesion_fraction"],
        },
        "sha256": record["sha256"],
    }


def _count(entries: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    found = Counter(entry["facts"]["dx"] for entry in entries)
    return {name: found[name] for name in CLASSES}


def _zips(release: Release) -> set[Path]:
    files = [*release.images.values(), *release.masks.values()]
    return {file.path for file in files if file.member}
