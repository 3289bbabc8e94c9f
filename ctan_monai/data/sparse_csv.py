# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""OpenKBP's sparse CSV files: one row a voxel, ``index,value`` (or ``index,`` in a mask), under the header ``,data``.

A patient is some 25 MB of such text at most, and text parsing is all the cost of loading one, so digits are parsed
here with whole-array integer operations instead of row by row.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ctan_monai.data.errors import DataError
from ctan_monai.data.files import write_bytes_atomic

__all__ = ["read_sparse_csv", "write_sparse_csv"]

_BLOCK = 1 << 18  # bytes of text parsed at once
_WORD = 8  # digits parsed at once: the bytes of one uint64
_ASCII_ZEROS = np.uint64(0x3030303030303030)
_POWERS_OF_TEN = 10.0 ** np.arange(_WORD + 1)
_COMMA, _DOT, _NEWLINE, _ZERO, _NINE = (ord(c) for c in ",.\n09")


def read_sparse_csv(path: Path | str, size: int, values: bool = True) -> tuple[np.ndarray, np.ndarray | None]:
    """Reads one sparse CSV file.

    Args:
        path: the file.
        size: number of voxels of the volume; indices must lie in ``[0, size)``.
        values: whether rows carry a value (CT, dose) or only an index (masks).

    Returns:
        ``indices`` int64 ``(N,)`` and ``values`` float64 ``(N,)``, or None for a mask.

    Raises:
        DataError: the file is missing, no such CSV, cut off, or has an index that is out of range or given twice,
            or a value that is no finite number.
    """
    path = Path(path)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Copy the file from the release again.") from error
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
    header = text[: text.find(b"\n") + 1]
    if header.strip() != b",data":
        found = f"'{header[:40].decode('ascii', 'replace').strip()}'" if text else "an empty file"
        raise DataError(f"{path}: the first line is {found}, expected ',data'. {_COPY_AGAIN}")
    if not text.endswith(b"\n"):
        last = text.rsplit(b"\n", 1)[-1][:40].decode("ascii", "replace")
        raise DataError(f"{path}: cut off in the last row, '{last}' (no line break after it). {_COPY_AGAIN}")
    parsed = _parse_plain(text, len(header), values)
    if parsed is None:
        parsed = _parse_any(path, text[len(header) :], values)
    indices, data = parsed
    _check_indices(path, indices, size)
    return indices, data


_COPY_AGAIN = "Copy the file from the release again."


def _parse_plain(text: bytes, start: int, values: bool) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Parses rows of plain digits (``123,`` / ``123,26.4``, at most 8 digits a number); None if there is other text.

    In blocks, so that the working arrays stay in the processor's cache: twice as fast as in one piece.
    """
    rows = text.count(b"\n", start)
    indices = np.empty(rows, np.int64)
    data = np.empty(rows, np.float64) if values else None
    pattern = np.array([_COMMA, _DOT, _NEWLINE] if values else [_COMMA, _NEWLINE], np.uint8)
    raw = np.frombuffer(text, np.uint8)
    words = np.ndarray((len(text) + 1,), "<u8", b"0" * _WORD + text, strides=(1,))  # words[i] = text[i - 8 : i]
    row = 0
    while start < len(text):
        stop = text.rfind(b"\n", start, start + _BLOCK) + 1
        block = raw[start:stop]
        separators = np.flatnonzero(block < _ZERO)
        if not stop or len(separators) % len(pattern) or block.max() > _NINE:
            return None
        separators = separators.reshape(-1, len(pattern))
        if (block[separators] != pattern).any():
            return None
        ends = np.ascontiguousarray(separators.T)  # of the fields: index[, whole part, fraction]
        begins = np.empty_like(ends)
        begins[1:] = ends[:-1] + 1
        begins[0, 0] = 0
        begins[0, 1:] = ends[-1, :-1] + 1
        widths = ends - begins
        if not values and widths[1].any():
            return None
        fields = 3 if values else 1
        if widths[:fields].min() < 1 or widths[:fields].max() > _WORD:
            return None
        ends += start
        rows_here = slice(row, row + ends.shape[1])
        indices[rows_here] = _parse_digits(words[ends[0]], widths[0])
        if data is not None:
            scale = _POWERS_OF_TEN[widths[2]]  # one division of exact integers: rounds as Python's float() does
            whole = _parse_digits(words[ends[1]], widths[1]) * scale
            data[rows_here] = (whole + _parse_digits(words[ends[2]], widths[2])) / scale
        start, row = stop, rows_here.stop
    return indices, data


def _parse_digits(words: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Decimal numbers from 8 bytes of text each, of which the last ``width`` (1..8) are the digits.

    Three rounds join neighbours: 8 digits -> 4 numbers below 100 -> 2 below 10,000 -> 1.
    """
    foreign_bits = (8 * (_WORD - width)).astype(np.uint64)
    words = (words >> foreign_bits) << foreign_bits  # earlier text sits in the low bytes: clear it
    words -= (_ASCII_ZEROS >> foreign_bits) << foreign_bits
    pairs = words * np.uint64(10) + (words >> np.uint64(8))
    low = (pairs & np.uint64(0x000000FF000000FF)) * np.uint64(0x000F424000000064)
    high = ((pairs >> np.uint64(16)) & np.uint64(0x000000FF000000FF)) * np.uint64(0x0000271000000001)
    return ((low + high) >> np.uint64(32)).astype(np.int64)


def _parse_any(path: Path, rows: bytes, values: bool) -> tuple[np.ndarray, np.ndarray | None]:
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
    return indices, data if values else None


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
    write_bytes_atomic(path, "".join([",data\n", *rows]).encode("ascii"))
