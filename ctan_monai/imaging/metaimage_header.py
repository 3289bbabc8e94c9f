# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The text header of a MetaImage (.mha, .mhd), checked line by line.

ITK's own parser writes out of bounds for some values of NDims, and takes defaults for keys that are damaged or absent.
Format: https://github.com/Kitware/MetaIO, "MetaImage".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np

from ctan_monai.utils.errors import InputError
from ctan_monai.utils.limits import check_volume_size

__all__ = ["MetaImageHeader", "metaimage_error", "metaimage_voxel_file", "read_metaimage_header"]

_HEADER_BYTES = 1 << 16
_LAST_KEY = "ElementDataFile"
_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",  # 4 bytes in MetaIO on every system
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_LINE = re.compile(r"([^=:]*[^=:\s])\s*[=:]\s*(.*)", re.DOTALL)  # MetaIO takes either separator
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
# keys of one meaning: the format's history
_POSITION = ("Offset", "Position", "Origin", "ImagePosition")
_DIRECTION = ("TransformMatrix", "Rotation", "Orientation")
_BYTE_ORDER = ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")
# ITK reads over other values of these, which changes the voxels or their place
_ONLY = {
    "ObjectType": ("Image",),
    "DistanceUnits": ("mm", "?"),
    "ElementToIntensityFunctionSlope": ("1", "1.0"),
    "ElementToIntensityFunctionOffset": ("0", "0.0"),
}
# the format's own keys; all others are tags
_FORMAT_KEYS = {
    *("NDims", "DimSize", "ElementType", "ElementNumberOfChannels", "ElementSpacing", "ElementSize", "HeaderSize"),
    *("BinaryData", "CompressedData", "CompressedDataSize", "CenterOfRotation", "AnatomicalOrientation", "Comment"),
    *("ObjectSubType", "Name", "ID", "ParentID", "Color", "Modality", "ElementMin", "ElementMax", "SequenceID"),
    *(*_POSITION, *_DIRECTION, *_BYTE_ORDER, *_ONLY, _LAST_KEY),
}
_UNIT = 1e-3  # a row of the direction matrix may be longer or shorter by this: rounding


@dataclass(frozen=True)
class MetaImageHeader:
    """What a header says, checked.

    Attributes:
        shape: voxels along x, y and z.
        dtype: of a voxel, with its byte order in the file.
        compressed: whether the voxels are a zlib or gzip stream.
        spacing: mm.
        origin: LPS mm of the first voxel's center.
        direction: (3, 3); column i is the direction of axis i, LPS.
        voxel_file: the file that has the voxels; the header's own for LOCAL.
        voxel_start: its byte at which they start.
        tags: keys that are not the format's, such as PatientAge, and their text.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype
    compressed: bool
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: np.ndarray
    voxel_file: Path
    voxel_start: int
    tags: Mapping[str, str]

    @property
    def voxel_bytes(self) -> int:
        """Length of the voxels, decompressed."""
        x, y, z = self.shape
        return x * y * z * self.dtype.itemsize


def read_metaimage_header(path: Path | str) -> MetaImageHeader:
    """Reads and checks the header of one 3-D volume.

    Spacing, position, direction and byte order must be there: ITK has defaults for them, and one damaged letter in a
    key would turn or move the image unseen. Damage that leaves a well-formed number cannot be seen.

    Raises:
        InputError: no MetaImage; not 3-D, several channels, too large; a key that is missing, given twice or malformed;
            voxels in text, in several files or outside the header's folder.
    """
    path = Path(path)
    fields, length = _read_fields(path)
    header = _Fields(path, fields)
    for key, values in _ONLY.items():
        if key in fields and fields[key] not in values:
            raise header.error(key, " or ".join(values))
    if fields.get("NDims") != "3":
        raise header.error("NDims", "3, one volume of HU")
    x, y, z = header.integers("DimSize", 3)
    if min(x, y, z) < 1:
        raise header.error("DimSize", "3 positive numbers")
    channels = header.integers("ElementNumberOfChannels", 1, default="1")[0]
    if min(x, y, z) < 2 or channels != 1:
        raise InputError(
            f"{path}: its shape is {(x, y, z)} with {channels} values a voxel; expected one 3-D volume of HU. "
            "Save the CT alone."
        )
    if fields.get("ElementType") not in _TYPES:
        raise header.error("ElementType", ", ".join(_TYPES))
    dtype = np.dtype(_TYPES[fields["ElementType"]])
    check_volume_size((x, y, z), dtype.itemsize, str(path))
    if not header.boolean("BinaryData", default="True"):
        raise header.error("BinaryData", "True, for voxels in text are not read")
    if dtype.itemsize > 1:
        dtype = dtype.newbyteorder(">" if header.boolean(header.one_of(_BYTE_ORDER)) else "<")
    spacing_key = "ElementSize" if "ElementSize" in fields and "ElementSpacing" not in fields else "ElementSpacing"
    spacing = header.reals(spacing_key, 3)
    if min(spacing) <= 0:
        raise header.error(spacing_key, "3 positive numbers of mm")
    direction = header.one_of(_DIRECTION)
    rows = np.reshape(header.reals(direction, 9), (3, 3))
    if np.abs(np.linalg.norm(rows, axis=1) - 1).max() > _UNIT:
        raise header.error(direction, "3 directions of length 1")
    voxel_file = metaimage_voxel_file(path, fields)
    compressed = header.boolean("CompressedData", default="False")
    start, is_local = header.integers("HeaderSize", 1, default="0")[0], voxel_file == path
    size = _size(path, voxel_file)
    if start == -1 and not compressed:  # the voxels are the end of the file, whatever precedes them
        start = size - x * y * z * dtype.itemsize
    elif start == 0 and is_local:
        start = length
    if not (length if is_local else 0) <= start <= size:
        raise header.error("HeaderSize", f"a place in the {size} bytes of {voxel_file.name}")
    origin = header.reals(header.one_of(_POSITION), 3)
    tags = {key: value for key, value in fields.items() if key not in _FORMAT_KEYS}
    return MetaImageHeader((x, y, z), dtype, compressed, spacing, origin, rows.T, voxel_file, start, tags)


def metaimage_voxel_file(path: Path, fields: Mapping[str, str] | None = None) -> Path:
    """The file that has the voxels: ``path`` itself, or another one in the same folder.

    Args:
        path: the header.
        fields: its keys and values; read if absent.

    Raises:
        InputError: not a MetaImage, or the name is not a plain file name.
    """
    name = (fields or _read_fields(path)[0])[_LAST_KEY]
    if name.lower() == "local":
        return path
    # a header is data: it names no file elsewhere (in the notation of any system), and no pattern or list of files
    plain = PureWindowsPath(name).name == name and name not in ("", "..")
    if not plain or name.split()[0] == "LIST" or "%" in name or "\0" in name:
        raise metaimage_error(path, f"{_LAST_KEY} is {name[:80]!r}", "LOCAL or the name of one file in the same folder")
    return path.parent / name


def metaimage_error(path: Path, found: str, expected: str) -> InputError:
    """An error that names the file with its length, what was found and expected, and what to do."""
    size = f"{path.stat().st_size} bytes" if path.is_file() else "no such file"
    return InputError(
        f"{path}: cannot be read as a MetaImage volume ({size}): {found}; expected {expected}. Copy or download the "
        "file again, or convert the CT again from its source."
    )


@dataclass(frozen=True)
class _Fields:
    """Values by key, parsed strictly: Python's int and float take underscores, nan and other scripts' digits."""

    path: Path
    fields: Mapping[str, str]

    def error(self, key: str, expected: str) -> InputError:
        found = f"{key} is {self.fields[key][:80]!r}" if key in self.fields else f"its header has no {key}"
        return metaimage_error(self.path, found, expected)

    def one_of(self, keys: tuple[str, ...]) -> str:
        found = [key for key in keys if key in self.fields]
        if len(found) > 1:
            raise metaimage_error(self.path, f"its header has {' and '.join(found)}", "one of them")
        return found[0] if found else keys[0]

    def integers(self, key: str, count: int, default: str = "") -> tuple[int, ...]:
        words = self.fields.get(key, default).split()
        if len(words) != count or not all(map(_INTEGER.fullmatch, words)):
            raise self.error(key, "a whole number" if count == 1 else f"{count} whole numbers")
        return tuple(map(int, words))

    def reals(self, key: str, count: int) -> tuple[float, ...]:
        words = self.fields.get(key, "").split()
        values = tuple(float(word) for word in words if _REAL.fullmatch(word))
        if len(words) != count or len(values) != count or not np.isfinite(values).all():
            raise self.error(key, f"{count} numbers")
        return values

    def boolean(self, key: str, default: str = "") -> bool:
        value = self.fields.get(key, default).lower()
        if value not in ("true", "t", "1", "false", "f", "0"):
            raise self.error(key, "True or False")
        return value in ("true", "t", "1")


def _read_fields(path: Path) -> tuple[dict[str, str], int]:
    """Keys and values in the order of the file, and the header's length in bytes."""
    fields: dict[str, str] = {}
    length = 0
    try:
        with path.open("rb") as stream:
            while _LAST_KEY not in fields:
                line = stream.readline(_HEADER_BYTES - length)
                length += len(line)
                if not line.endswith(b"\n") and stream.read(1):
                    raise metaimage_error(path, f"its header is longer than {_HEADER_BYTES} bytes", "a text header")
                text = line.decode("utf-8", errors="replace").strip()
                if not line:
                    raise metaimage_error(path, f"its header has no {_LAST_KEY}", "a text header that ends with it")
                if not text:
                    continue
                parts = _LINE.fullmatch(text)
                if not parts:
                    raise metaimage_error(path, f"its header has the line {text[:80]!r}", "KEY = VALUE")
                if parts[1] in fields:
                    raise metaimage_error(path, f"its header has {parts[1][:80]!r} twice", "each key once")
                fields[parts[1]] = parts[2]
    except OSError as error:
        raise metaimage_error(path, str(error.strerror or error), "a file that can be read") from error
    return fields, length


def _size(path: Path, voxel_file: Path) -> int:
    if not voxel_file.is_file():
        raise metaimage_error(path, f"there is no {voxel_file.name}, which its header names", "it in the same folder")
    return voxel_file.stat().st_size
