# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The border of a DICOM file: what is wrong with its content is told of the file, and so is what is cut off.

pydicom reads a file that ends too early as far as it goes, with a warning or without one, and parses most values only
when they are asked for, with as many kinds of errors.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pydicom import Dataset
from pydicom.dataelem import RawDataElement
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_partial
from pydicom.uid import DeflatedExplicitVRLittleEndian

from ctan_monai.utils.errors import InputError
from ctan_monai.utils.limits import MOST_BYTES

__all__ = ["DamagedFile", "damaged_file", "file_border", "read_beginning", "read_dicom"]

_UNDEFINED = 0xFFFFFFFF  # a length that the file does not state
_SMALL = 4096  # bytes
_META = 132  # preamble and "DICM"
_MOST_META = 1 << 16
_PIECE = 1 << 20
_DEFLATED = DeflatedExplicitVRLittleEndian.encode()
_SMALL_FILE, _MOST_GAIN = 1 << 26, 100  # bytes; bytes out of one: images give 2 to 20
_IDENTITY = [0x00080005, 0x00080060, 0x00100020, 0x0020000D]  # character set, modality, patient, study


class DamagedFile(InputError):
    """A damaged DICOM file.

    Attributes:
        modality: its Modality; empty where the file ends before.
    """

    modality = ""


def damaged_file(path: Path | str, found: object, kind: str = "DICOM") -> DamagedFile:
    """An error that names the file, what was found, and what to do."""
    return DamagedFile(f"{path}: the {kind} file is damaged: {found}. Export or copy it again.")


@contextmanager
def file_border(path: Path | str, kind: str = "DICOM") -> Iterator[None]:
    """Within it, every error about a file's content becomes one that names the file, and pydicom does not warn.

    Args:
        path: the file.
        kind: what it is, for the message.

    Raises:
        InputError: anything went wrong.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pydicom")
            yield
    except InputError:
        raise
    except AttributeError as error:  # of a data set
        raise damaged_file(path, f"it has no {error.name}" if error.name else error, kind) from error
    except Exception as error:
        raise damaged_file(path, str(error) or type(error).__name__, kind) from error


def read_dicom(path: Path | str, tags: Sequence[str] | None = None, kind: str = "DICOM") -> Dataset:
    """Reads a file, and checks that it does not end early.

    A file that ends between two elements of its top level cannot be told from a whole one: callers ask for what they
    need.

    Args:
        path: the file.
        tags: the only elements to read and check; None: all. With PixelData among them, their place is checked, but
            they are not read.
        kind: what the file is, for the message.

    Returns:
        the data set.

    Raises:
        InvalidDicomError: it does not begin as DICOM.
        InputError: it cannot be parsed, or is cut off.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            _check_deflated(Path(path), kind)
            dataset = pydicom.dcmread(
                path,
                specific_tags=None if tags is None else list(tags),
                defer_size=_SMALL if "PixelData" in (tags or ()) else None,
            )
        except (InvalidDicomError, InputError):
            raise
        except Exception as error:  # pydicom raises many kinds of errors on damaged files
            raise damaged_file(path, str(error) or type(error).__name__, kind) from error
    if any("end of file" in str(warning.message).lower() for warning in told):
        raise damaged_file(path, "it is cut off within its last element", kind)
    if dataset.file_meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:  # zlib knows its own end
        _check_end(Path(path), dataset, kind, whole=tags is None)
    return dataset


def read_beginning(path: Path | str) -> Dataset:
    """Modality, PatientID and StudyInstanceUID of a damaged file, as far as it has them."""
    try:
        with open(path, "rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = read_partial(stream, lambda tag, vr, length: tag > _IDENTITY[-1], specific_tags=list(_IDENTITY))
            return Dataset({element.tag: element for element in found})
    except Exception:  # nothing of it can be read
        return Dataset()


def _check_deflated(path: Path, kind: str) -> None:
    """Refuses a file that inflates beyond all images; pydicom inflates it as a whole, whatever tags it is asked for."""
    with path.open("rb") as stream:
        head = stream.read(_META + _MOST_META)
        if head[_META - 4 : _META] != b"DICM" or _DEFLATED not in head:
            return
        group = head[_META : _META + 12]  # (0002,0000): the length of the rest of the meta information
        if group[:8] != b"\x02\x00\x00\x00UL\x04\x00":
            raise damaged_file(path, "it has no length of its meta information", kind)
        stream.seek(_META + 12 + int.from_bytes(group[8:], "little"))
        most = min(MOST_BYTES, max(_SMALL_FILE, _MOST_GAIN * path.stat().st_size))
        inflater, length = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while length <= most and not inflater.eof and (piece := inflater.unconsumed_tail or stream.read(_PIECE)):
            length += len(inflater.decompress(piece, 16 * _PIECE))
        if length > most:
            raise damaged_file(path, f"its {path.stat().st_size:,} bytes become more than {most:,}", kind)


def _check_end(path: Path, dataset: Dataset, kind: str, whole: bool) -> None:
    """Values have the bytes that their lengths say; what follows the last one is padding."""
    size = path.stat().st_size
    last = 0
    for element in dataset.values():
        if not isinstance(element, RawDataElement) or element.length == _UNDEFINED:
            continue
        last = max(last, element.value_tell + element.length)
        if last > size:
            keyword = pydicom.datadict.keyword_for_tag(element.tag) or str(element.tag)
            raise damaged_file(path, f"it is cut off: it has {size} bytes, its {keyword} ends at {last}", kind)
    if whole and 0 < size - last < 8:  # not a whole element
        with path.open("rb") as stream:
            stream.seek(last)
            if any(stream.read()):
                raise damaged_file(path, "it is cut off at the beginning of an element", kind)
