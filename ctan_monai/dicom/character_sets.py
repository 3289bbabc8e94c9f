# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""SpecificCharacterSet of a CT, and of the objects that are written beside it (DICOM PS3.3 C.12.1.1.2)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence

from pydicom import Dataset
from pydicom.charset import convert_encodings, decode_bytes, encode_string, python_encoding

__all__ = ["UTF_8", "declare_character_set", "decode_header", "standard_character_set"]

UTF_8 = "ISO_IR 192"
_DEFAULT = ("", "ISO_IR 6", "ISO 2022 IR 6")  # ASCII: absent where no other set stands beside it
_EXTENDED = "ISO 2022 IR "  # the beginning of terms with code extensions
_MULTI_BYTE = ("ISO 2022 IR 87", "ISO 2022 IR 159", "ISO 2022 IR 149", "ISO 2022 IR 58")
_MISSPELT = re.compile(r"\AISO_IR (87|159|149|58)\Z")  # of these there is no form without code extensions
_ALONE = (UTF_8, "GB18030", "GBK")


def standard_character_set(declared: str | Sequence[str] | None) -> list[str] | None:
    """What the standard has for a declared character set.

    Args:
        declared: the CT's value; scanners and archives write others than the standard has, which pydicom reads as they
            are meant.

    Returns:
        the set's terms, empty for the default; a single set with code extensions becomes that without, and a
        single multi-byte one stands beside the default. None: no terms of the standard, or not in this combination.
    """
    terms = _terms(declared)
    if all(term in _DEFAULT for term in terms):
        return []
    if len(terms) == 1:
        (term,) = terms
        if term in _MULTI_BYTE:
            return ["", term]
        term = term.replace(_EXTENDED, "ISO_IR ")
        return [term] if term in _ALONE or (term.startswith("ISO_IR ") and term in python_encoding) else None
    extended = all(term.startswith(_EXTENDED) and term in python_encoding for term in terms[1:])
    first = terms[0] == "" or (terms[0].startswith(_EXTENDED) and terms[0] in python_encoding)
    if not extended or not first or terms[0] in _MULTI_BYTE or len(set(terms)) < len(terms):
        return None
    return terms


def decode_header(header: Dataset) -> None:
    """Turns all texts of a header into Unicode, and declares it to be UTF-8.

    Private tags and values that pydicom cannot parse are removed: they are not copied anywhere.
    """
    declared = _terms(header.get("SpecificCharacterSet"))
    meant = [_MISSPELT.sub(r"ISO 2022 IR \1", term) for term in declared]
    if meant != declared:
        # pydicom 2 has no original_encoding
        form = getattr(header, "original_encoding", None) or (header.is_implicit_VR, header.is_little_endian)
        header.set_original_encoding(form[0], form[1], convert_encodings(meant))
    header.remove_private_tags()
    for tag in list(header.keys()):
        try:
            element = header[tag]  # parses and decodes it
            for item in element.value if element.VR == "SQ" else ():
                item.decode()
        except Exception:  # pydicom raises many kinds of errors on values
            del header[tag]
    header.SpecificCharacterSet = UTF_8


def declare_character_set(dataset: Dataset, terms: Sequence[str] | None) -> None:
    """Declares the character set of a new object, whose texts are Unicode.

    Args:
        dataset: the object.
        terms: of :py:func:`standard_character_set`. UTF-8 takes their place where there are none, or where they lack a
            character.
    """
    if terms is None or not all(_has(terms, text) for text in set(_texts(dataset))):
        terms = [UTF_8]
    if terms:
        dataset.SpecificCharacterSet = list(terms) if len(terms) > 1 else terms[0]
    elif "SpecificCharacterSet" in dataset:
        del dataset.SpecificCharacterSet


def _terms(declared: str | Sequence[str] | None) -> list[str]:
    terms = [declared] if isinstance(declared, str) else list(declared or [])
    return [str(term).strip() for term in terms]


def _texts(dataset: Dataset) -> Iterator[str]:
    for element in dataset.iterall():
        if element.VR in ("PN", "LO", "SH", "ST", "LT", "UC", "UT") and element.value:
            yield from re.split(r"[\\^=\r\n\t\f]", str(element.value))  # the default set holds again after these


def _has(terms: Sequence[str], text: str) -> bool:
    """Whether a character set gives a text back."""
    if text.isascii():
        return True
    encodings = convert_encodings(list(terms) or [""])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return decode_bytes(encode_string(text, encodings), encodings, set()) == text
    except (UnicodeError, UserWarning):
        return False
