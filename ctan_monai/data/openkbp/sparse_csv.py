# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""OpenKBP's sparse CSV files: a row a voxel, ``index,value`` (or ``index,`` in a mask), under the header ``,data``."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import write_atomic

__all__ = ["read_prediction_csv", "read_sparse_csv", "read_sparse_mask", "write_sparse_csv"]

_COPY_AGAIN = "Copy the file from the release again."
_WRITE_AGAIN = "Write it as pandas does: ',data' in the first line, then a row 'index,value' for each voxel."
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_sparse_csv(path: Path | str, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Reads a file of values (CT, dose).

    Args:
        path: the file.
        size: number of voxels of the volume; indices must lie in ``[0, size)``.

    Returns:
        ``indices`` int64 ``(N,)`` and ``values`` float64 ``(N,)``.

    Raises:
        DataError: the file is missing, no such CSV, cut off, or has an index that is out of range or given twice,
            or a value that is not a finite number.
    """
    return _read(Path(path), size, values=True)


def read_sparse_mask(path: Path | str, size: int) -> np.ndarray:
    """Reads a mask, whose rows have no value; as :func:`read_sparse_csv` otherwise. Returns ``indices``."""
    return _read(Path(path), size, values=False)[0]


def read_prediction_csv(path: Path | str, size: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """Reads a prediction, which other tools wrote: whatever the challenge's own loader reads (pandas, first column as
    index, then the column ``data``). A byte order mark, quotes, blank lines, any line breaks and any name of the index
    are let through, and so is a last row without a line break.

    Args:
        path: the file.
        size: see :func:`read_sparse_csv`.

    Returns:
        ``indices`` and ``values`` as :func:`read_sparse_csv`, and whether the last row has its line break; without,
        nothing tells whether the file was cut off.

    Raises:
        DataError: see :func:`read_sparse_csv`, but for what is let through.
    """
    path = Path(path)
    text = _bytes(path, _WRITE_AGAIN).removeprefix(_BYTE_ORDER_MARK)
    text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b'"', b"")
    ended = text.endswith(b"\n")
    lines = text.split(b"\n")
    numbers = [number for number, line in enumerate(lines, 1) if line.strip()]
    header = lines[numbers[0] - 1] if numbers else b""
    if [name.strip() for name in header.split(b",")][1:] != [b"data"]:
        raise _no_header(path, header, _WRITE_AGAIN)
    rows = b"".join(lines[number - 1] + b"\n" for number in numbers[1:])
    return *_parse(path, rows, 0, size, True, _WRITE_AGAIN, numbers[1:]), ended


def _read(path: Path, size: int, values: bool) -> tuple[np.ndarray, np.ndarray]:
    text = _bytes(path, _COPY_AGAIN)
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
    header = text[: text.find(b"\n") + 1] or text
    if header.strip() != b",data":
        raise _no_header(path, header, _COPY_AGAIN)
    if not text.endswith(b"\n"):
        last = text.rsplit(b"\n", 1)[-1][:40].decode("ascii", "replace")
        raise DataError(f"{path}: cut off: the last row '{last}' lacks its line break. {_COPY_AGAIN}")
    rows = text.count(b"\n") - 1
    return _parse(path, text, len(header), size, values, _COPY_AGAIN, range(2, rows + 2))


def _bytes(path: Path, remedy: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). {remedy}") from error


def _no_header(path: Path, header: bytes, remedy: str) -> DataError:
    found = f"'{header[:40].decode('ascii', 'replace').strip()}'" if header else "missing (empty file)"
    return DataError(f"{path}: the first line is {found}, expected ',data'. {remedy}")


class _BadRow(Exception):
    """Number of the row, from 0, and what is wrong with it."""


def _parse(
    path: Path, text: bytes, start: int, size: int, values: bool, remedy: str, lines: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Parses the rows of a text from ``start``; ``lines`` are their numbers in the file."""
    try:
        parsed = _parse_rows(text[start:], values)
        if parsed is None:
            parsed = _parse_any(text[start:], values)
        _check_indices(parsed[0], size)
    except _BadRow as bad:
        row, found = bad.args
        raise DataError(f"{path}: line {lines[row]} {found}. {remedy}") from None
    return parsed


def _parse_rows(rows: bytes, values: bool) -> tuple[np.ndarray, np.ndarray] | None:
    """Parses rows by numpy; None if one is not as it should be, which is for :func:`_parse_any` to name."""
    end = b"\n" if values else b",\n"
    count = rows.count(end)
    if not count or count != rows.count(b"\n") or count != rows.count(b","):
        return None
    try:
        text = io.StringIO(rows.decode("ascii") if values else rows.replace(end, b"\n").decode("ascii"))
        if values:
            row = [("index", np.int64), ("value", np.float64)]
            found = np.loadtxt(text, row, comments=None, delimiter=",", ndmin=1)
            indices, data = np.ascontiguousarray(found["index"]), np.ascontiguousarray(found["value"])
        else:
            indices, data = np.loadtxt(text, np.int64, comments=None, ndmin=1), np.empty(0)
    except (ValueError, OverflowError, UnicodeDecodeError):
        return None
    return (indices, data) if len(indices) == count and np.isfinite(data).all() else None


def _parse_any(rows: bytes, values: bool) -> tuple[np.ndarray, np.ndarray]:
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
            raise _BadRow(row, f"is '{line[:40].decode('ascii', 'replace')}', expected {expected}") from None
    if not np.isfinite(data).all():
        row = int(np.flatnonzero(~np.isfinite(data))[0])
        raise _BadRow(row, f"has the value {data[row]}, expected a finite number")
    return indices, data


def _check_indices(indices: np.ndarray, size: int) -> None:
    if not len(indices):
        return
    low, high = int(indices.min()), int(indices.max())
    if low < 0 or high >= size:
        row = int(np.flatnonzero((indices < 0) | (indices >= size))[0])
        raise _BadRow(row, f"has the voxel index {indices[row]}, expected 0 to {size - 1}")
    if (np.diff(indices) > 0).all():  # official files are sorted, which rules out duplicates cheaply
        return
    ordered = np.sort(indices)
    repeated = ordered[1:][np.diff(ordered) == 0]
    if len(repeated):
        row = int(np.flatnonzero(indices == repeated[0])[1])
        raise _BadRow(row, f"repeats the voxel index {repeated[0]}")


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
