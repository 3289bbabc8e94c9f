# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What is particular to HAM10000: its diagnoses and its metadata table."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from ctan_monai.utils.errors import DataError

__all__ = ["CLASSES", "MetadataRow", "parse_metadata"]

#: The seven diagnoses in the order of the network's channels: alphabetic.
CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
_REQUIRED = ("lesion_id", "image_id", "dx")
_FACTS = ("dx_type", "age", "sex", "localization", "dataset")


@dataclass(frozen=True)
class MetadataRow:
    """One row of the metadata.

    Args:
        image_id: such as ISIC_0027419.
        lesion_id: such as HAM_0000118; several images may show one lesion.
        dx: one of :py:data:`CLASSES`.
        facts: the other columns that have a value, as text.
    """

    image_id: str
    lesion_id: str
    dx: str
    facts: dict[str, str]


def parse_metadata(text: str, name: str) -> dict[str, MetadataRow]:
    """The metadata table, separated by commas or tabs, with 7 columns or, with ``dataset``, 8.

    Args:
        text: of the file.
        name: of the file, for errors.

    Returns:
        rows by image id.

    Raises:
        DataError: columns are missing, a value is none of those allowed, or an image has two different rows.
    """
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    header = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter="\t" if "\t" in header else ",")
    try:
        return _rows(reader, name)
    except csv.Error as error:  # a field of more than 131,072 characters
        raise DataError(f"{name}, line {reader.line_num}: {error}. Download the metadata again.") from error


def _rows(reader: csv.DictReader[str], name: str) -> dict[str, MetadataRow]:
    columns = [(column or "").strip().lower() for column in reader.fieldnames or ()]
    if missing := [column for column in _REQUIRED if column not in columns]:
        found = ", ".join(columns) or "nothing"
        raise DataError(
            f"{name}: the columns {', '.join(missing)} are missing; found: {found}. Expected the official "
            "HAM10000_metadata, separated by commas or tabs: download it again."
        )
    reader.fieldnames = columns
    rows: dict[str, MetadataRow] = {}
    for record in reader:
        row = _row(record, f"{name}, line {reader.line_num}")
        if rows.setdefault(row.image_id, row) != row:
            raise DataError(
                f"{name}, line {reader.line_num}: {row.image_id} has another row already, with other values. "
                "Expected one row an image: remove the wrong one."
            )
    if not rows:
        raise DataError(f"{name}: holds no row below its header. Download it again.")
    return rows


def _row(record: dict[str, str | None], where: str) -> MetadataRow:
    values = {key: (value or "").strip() for key, value in record.items() if isinstance(key, str)}
    for column in _REQUIRED:
        if not values.get(column):
            raise DataError(f"{where}: no {column}. Expected one in each row: download the metadata again.")
    dx = values["dx"].lower()
    if dx not in CLASSES:
        raise DataError(f"{where}: dx is '{values['dx']}', expected one of {', '.join(CLASSES)}. Correct the row.")
    facts = {key: values[key] for key in _FACTS if values.get(key)}
    return MetadataRow(values["image_id"].upper(), values["lesion_id"], dx, facts)
