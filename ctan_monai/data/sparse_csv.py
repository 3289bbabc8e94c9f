# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""OpenKBP's sparse CSV files: a row a voxel, ``index,value`` (or ``index,`` in a mask), under the header ``,data``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ctan_monai.data.sparse_rows import parse_rows
from ctan_monai.errors import DataError
from ctan_monai.files import write_atomic

__all__ = ["read_sparse_csv", "read_sparse_mask", "write_sparse_csv"]

_COPY_AGAIN = "Copy the file from the release again."


def read_sparse_csv(path: Path | str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Reads a file of values (CT, dose).

    Args:
        path: the file.
        size: number of voxels of the volume; indices must lie in ``[0, size)``.

    Returns:
        ``indices`` int64 ``(N,)`` and ``values`` float64 ``(N,)``.

    Raises:
        DataError: the file is missing, no such CSV, cut off, or has an index that is out of range or given twice,
            or a value that is no finite number.
    """
    return _read(Path(path), size, values=True)


def read_sparse_mask(path: Path | str, size: int) -> np.ndarray:
    """Reads a mask, whose rows have no value; as :func:`read_sparse_csv` otherwise. Returns ``indices``."""
    return _read(Path(path), size, values=False)[0]


def _read(path: Path, size: int, values: bool) -> tuple[np.ndarray, np.ndarray]:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). {_COPY_AGAIN}") from error
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
    header = text[: text.find(b"\n") + 1] or text
    if header.strip() != b",data":
        found = f"'{header[:40].decode('ascii', 'replace').strip()}'" if text else "missing (empty file)"
        raise DataError(f"{path}: the first line is {found}, expected ',data'. {_COPY_AGAIN}")
    if not text.endswith(b"\n"):
        last = text.rsplit(b"\n", 1)[-1][:40].decode("ascii", "replace")
        raise DataError(f"{path}: cut off: the last row '{last}' lacks its line break. {_COPY_AGAIN}")
    parsed = parse_rows(text, len(header), values)
    if parsed is None:
        parsed = _parse_any(path, text[len(header) :], values)
    _check_indices(path, parsed[0], size)
    return parsed


def _parse_any(path: Path, rows: bytes, values: bool) -> tuple[np.ndarray, np.ndarray]:
    """Parses row by row: signs, exponents, long numbers; names the first bad row."""
    lines = rows.split(b"\n")[:-1]
    indices = np.empty(len(lines), np.int64)
    data = np.empty(len(lines) if values else 0, np.float64)
    expected = "'index,value'" if values else "'index,' without a value"
    for row, line in enumerate(lines):
        index, _, value = line.partition(b",")
        try:
            indices[row] = int(index)
            if values:
                data[row] = float(value)
            elif value.strip():
                raise ValueError
        except (ValueError, OverflowError):
            found = line[:40].decode("ascii", "replace")
            raise DataError(f"{path}: line {row + 2} is '{found}', expected {expected}. {_COPY_AGAIN}") from None
    if not np.isfinite(data).all():
        row = int(np.flatnonzero(~np.isfinite(data))[0])
        raise DataError(f"{path}: line {row + 2} has the value {data[row]}, expected a finite number. {_COPY_AGAIN}")
    return indices, data


def _check_indices(path: Path, indices: np.ndarray, size: int) -> None:
    if not len(indices):
        return
    low, high = int(indices.min()), int(indices.max())
    if low < 0 or high >= size:
        row = int(np.flatnonzero((indices < 0) | (indices >= size))[0])
        raise DataError(
            f"{path}: line {row + 2} has the voxel index {indices[row]}, expected 0 to {size - 1}. {_COPY_AGAIN}"
        )
    if (np.diff(indices) > 0).all():  # official files are sorted, which rules out duplicates cheaply
        return
    ordered = np.sort(indices)
    repeated = ordered[1:][np.diff(ordered) == 0]
    if len(repeated):
        row = int(np.flatnonzero(indices == repeated[0])[1])
        raise DataError(f"{path}: line {row + 2} repeats the voxel index {repeated[0]}. {_COPY_AGAIN}")


def write_sparse_csv(path: Path | str, indices: np.ndarray, values: np.ndarray | None = None) -> None:
    """Writes one sparse CSV file, atomically; values as Python's shortest text of a float (``2.0``, ``26.446``).

    Args:
        path: the file.
        indices: voxel indices ``(N,)``.
        values: values ``(N,)``, or None for a mask.
    """
    numbers = np.asarray(indices).tolist()
    if values is None:
        rows = [f"{index},\n" for index in numbers]
    else:
        rows = [f"{i},{v!r}\n" for i, v in zip(numbers, np.asarray(values, np.float64).tolist(), strict=True)]
    write_atomic(path, "".join([",data\n", *rows]).encode("ascii"))
