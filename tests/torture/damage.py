# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Seeded damage of files: what disks, copies and other programs do to bytes, and extremes in place of numbers."""

from __future__ import annotations

import copy
import io
import json
import random
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pydicom
from pydicom.config import settings
from pydicom.uid import CTImageStorage

__all__ = ["CUT", "damage", "damage_dicom", "damage_json"]

CUT = "cut"
_NUMBER = re.compile(rb"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_NUMBERS = (b"1e20", b"-1e20", b"1e400", b"nan", b"-nan", b"inf", b"-1", b"0", b"-0", b"2147483648", b"4294967296",
            b"99999999999999999999", b"1e-320", b"0x10", b"1_0", b"", b"1,5", b"0.1.2")  # fmt: skip
_PACKED = [struct.pack(order + kind, value) for order in "<>" for kind, values in {
    "H": (0, 1, 0x7FFF, 0x8000, 0xFFFF), "I": (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000),
    "f": (float("nan"), float("inf"), 1e20, -1.0, 1e-40), "d": (float("nan"), float("-inf"), 1e300, -1.0),
    "q": (-1, 1 << 40, 1 << 62),
}.items() for value in values]  # fmt: skip
_BREAKS = (b"\r", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3", b"\n", b'"', b",", b";", b"\t", b"\x1b[2J", b"\\",
           b"/", b"=1+1", b"\xed\xa0\x80", b"[" * 3000, b'{"a":' * 3000)  # fmt: skip
STRANGE: tuple[Any, ...] = (
    None, True, False, -1, 0, 3, 1 << 31, 1 << 63, 1 << 200, 1e20, -1e300, float("nan"), float("inf"), "", "x", "nan",
    "../x", "/etc/passwd", "$1+1", "@name", "%name", "a\0b", "\ud800", "x" * 5000, [], {}, [[]], [None], [1e20],
    {"a": []}, {"": None},
)  # fmt: skip


def damage(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    """One or, at times, two kinds of damage; returns what was done, and the bytes."""
    name, changed = draw.choice(_KINDS)(draw, content)
    if draw.random() < 0.1:
        second, changed = draw.choice(_KINDS)(draw, changed)
        name = f"{name}, {second}" if second != name else name
    return name, changed


def _place(draw: random.Random, content: bytes) -> int:
    """More often near the beginning, where headers are."""
    size = max(1, len(content))
    return draw.randrange(min(size, 2048)) if draw.random() < 0.5 else draw.randrange(size)


def _bits(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    changed = bytearray(content or b"\0")
    for _ in range(draw.choice((1, 1, 1, 2, 8))):
        changed[_place(draw, changed)] ^= 1 << draw.randrange(8)
    return "bits", bytes(changed)


def _byte(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    changed = bytearray(content or b"\0")
    changed[_place(draw, changed)] = draw.choice((0, 0xFF, 0x7F, 0x80, draw.randrange(256)))
    return "byte", bytes(changed)


def _cut(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    size = draw.choice((0, 1, _place(draw, content), len(content) - 1, draw.randrange(len(content) + 1)))
    return CUT, content[:size]


def _block(draw: random.Random, content: bytes) -> tuple[bytes, bytes, bytes]:
    start = _place(draw, content)
    stop = start + draw.choice((1, 2, 4, 8, 64, 512))
    return content[:start], content[start:stop], content[stop:]


def _doubled(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    before, block, after = _block(draw, content)
    return "block twice", before + block + block + after


def _lost(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    before, _, after = _block(draw, content)
    return "block lost", before + after


def _blank(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    before, block, after = _block(draw, content)
    return "block blank", before + draw.choice((b"\0", b"\xff", b" ")) * len(block) + after


def _swapped(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    size = draw.choice((1, 2, 4, 64))
    changed = bytearray(content)
    a, b = sorted(_place(draw, content) for _ in range(2))
    first, second = content[a : a + size], content[b : b + size]
    if len(first) == len(second) and b - a >= size:
        changed[a : a + size], changed[b : b + size] = second, first
    return "bytes swapped", bytes(changed)


def _binary_number(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    number = draw.choice(_PACKED)
    at = _place(draw, content) // 2 * 2
    return "binary extreme", content[:at] + number + content[at + len(number) :]


def _text_number(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    found = list(_NUMBER.finditer(content[: 1 << 16]))
    if not found:
        return _bits(draw, content)
    at, number = draw.choice(found), draw.choice(_NUMBERS)
    if draw.random() < 0.5:  # of the same length, for formats in which lengths stand elsewhere
        number = number.ljust(len(at[0]))[: len(at[0])]
    return "number", content[: at.start()] + number + content[at.end() :]


def _inserted(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    at = draw.choice((0, len(content), _place(draw, content)))
    return "text inserted", content[:at] + draw.choice(_BREAKS) + content[at:]


def _followed(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    return "more behind", content + draw.choice((b"\0", b"x", draw.randbytes(64), content[:1000], bytes(1 << 16)))


def _random(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    size = draw.choice((0, 1, 4, 200, len(content)))
    return "random", draw.randbytes(size) if draw.random() < 0.5 else content[:size] + draw.randbytes(64)


def _breaks(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    return "line breaks", content.replace(b"\n", draw.choice((b"\r", b"\r\n", b"\n\n", b"")))


_KINDS: tuple[Callable[[random.Random, bytes], tuple[str, bytes]], ...] = (
    *(_bits, _bits, _byte, _cut, _cut, _doubled, _lost, _blank, _swapped, _binary_number, _text_number, _text_number),
    *(_inserted, _followed, _random, _breaks),
)


def damage_json(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    """One value of a JSON file is exchanged for a strange one, left out, or doubled."""
    whole = json.loads(content)
    places = [place for place in places_in(whole) if place]
    *above, last = draw.choice(places)
    inside = whole
    for key in above:
        inside = inside[key]
    action = draw.random()
    if action < 0.2:
        del inside[last]
    elif action < 0.3 and isinstance(inside, list):
        inside.append(copy.deepcopy(inside[last]))
    elif action < 0.4:
        inside[last] = [inside[last]]
    else:
        inside[last] = draw.choice(STRANGE)
    return "value exchanged", json.dumps(whole).encode("utf-8", "surrogatepass")


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Path of each value of a JSON document, of at most three items of a list."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places_in(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value[:3]):
            yield from places_in(item, (*path, index))


def damage_dicom(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    """One element, also in a sequence, is left out, emptied, doubled, or gets a value that it cannot have."""
    settings.reading_validation_mode = settings.writing_validation_mode = pydicom.config.IGNORE
    try:
        whole = pydicom.dcmread(io.BytesIO(content))
        places = list(_elements(whole))
        inside, tag = draw.choice(places)
        element = inside[tag]
        action = draw.random()
        if action < 0.25:
            del inside[tag]
        elif action < 0.4:
            element.value = [] if element.VR == "SQ" else None
        elif element.VR == "SQ":
            element.value = [*element.value, *copy.deepcopy(list(element.value))]
        elif action < 0.55:
            values = element.value if element.VM > 1 else [element.value]
            element.value = [*values, *values][: draw.randrange(2 * len(values) + 1)]
        elif element.VR in ("US", "SS", "UL", "SL"):
            element.value = draw.choice((0, 1, 2, 8, 17, 32767, -1 if element.VR[0] == "S" else 65535))
        elif element.VR in ("FL", "FD"):
            element.value = draw.choice((0.0, -1.0, 1e20, float("nan"), float("inf")))
        elif element.VR in ("DS", "IS"):
            odd = draw.choice(("1e20", "nan", "inf", "-1", "0", "1e-300", "x", "1 2", "99999999999"))
            values = [str(value) for value in (element.value if element.VM > 1 else [element.value])]
            values[draw.randrange(len(values))] = odd
            inside[tag] = pydicom.DataElement(tag, "LO", values)  # text that DS and IS would refuse
        elif element.VR in ("OB", "OW"):
            element.value = element.value[: draw.randrange(len(element.value) + 1) // 2 * 2]
        else:
            element.value = draw.choice(("", "x", "1.2.3", "\x1b[31m", "=1+1", "a\\b", "ä" * 80, CTImageStorage))
        stream = io.BytesIO()
        whole.save_as(stream, enforce_file_format=False)
        return "element changed", stream.getvalue()
    except Exception:  # pydicom writes no such file
        return _bits(draw, content)


def _elements(dataset: pydicom.Dataset) -> Iterator[tuple[pydicom.Dataset, Any]]:
    for element in dataset:
        yield dataset, element.tag
        if element.VR == "SQ":
            for item in element.value[:2]:
                yield from _elements(item)
