# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Where the images, masks and metadata of HAM10000 are: in folders or in the zips as they were downloaded."""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Sized
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from ctan_monai.utils.errors import DataError
from ctan_monai.utils.limits import MOST_FILE_BYTES

from .metadata import MetadataRow, parse_metadata

__all__ = ["Release", "SourceFile", "find_release"]

_IMAGE = re.compile(r"^(ISIC_\d+)\.(?:jpe?g|png)$", re.IGNORECASE)
_MASK = re.compile(r"^(ISIC_\d+)_segmentation\.(?:png|jpe?g)$", re.IGNORECASE)
_METADATA = re.compile(r"^HAM10000_metadata(?:\.(?:csv|tab|tsv|txt))?$", re.IGNORECASE)
_WHERE = "Get HAM10000 from doi:10.7910/DVN/DBW86T (bundles/ham10000/docs/README.md says how)."


@dataclass(frozen=True)
class SourceFile:
    """A file in a folder, or in a zip.

    Args:
        path: the file or the zip.
        member: its name in the zip; empty for a plain file.
        version: (size, checksum) in a zip, (size, time of change) in a folder: tells a changed file without reading it.
    """

    path: Path
    member: str
    version: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.path}/{self.member}" if self.member else str(self.path)

    def read(self) -> bytes:
        """The content.

        Raises:
            DataError: it cannot be read.
        """
        if self.version[0] > MOST_FILE_BYTES:
            raise DataError(
                f"{self}: has {self.version[0]:,} bytes; at most {MOST_FILE_BYTES:,} are read of an image or a table. "
                "Download it again."
            )
        try:
            if not self.member:
                return self.path.read_bytes()
            return _zip(self.path).read(self.member)
        except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, ValueError) as error:
            raise DataError(f"{self}: cannot be read ({error}). Download it again.") from error


@dataclass
class Release:
    """What was found.

    Args:
        images: by image id.
        masks: by image id.
        rows: the metadata by image id.
        metadata: its file.
        notes: what a user should know of, such as files that are there twice.
    """

    images: dict[str, SourceFile]
    masks: dict[str, SourceFile]
    rows: dict[str, MetadataRow]
    metadata: SourceFile
    notes: list[str] = field(default_factory=list)


def find_release(source: Path | str) -> Release:
    """Finds the release by the names of its files, in folders and zips of any name and nesting.

    macOS's ``__MACOSX`` and ``._*`` files are passed over. Of files that are there twice, the first in the order of
    their paths is taken, with a note.

    Args:
        source: folder that holds all, or a zip that does.

    Raises:
        DataError: no metadata, image or mask is found, or a zip is damaged.
    """
    source = Path(source)
    if not source.exists():
        raise DataError(f"{source}: no such folder. Give the folder that holds the HAM10000 files. {_WHERE}")
    images: dict[str, SourceFile] = {}
    masks: dict[str, SourceFile] = {}
    tables: list[SourceFile] = []
    twice: dict[str, SourceFile] = {}
    zips_in_zips: list[SourceFile] = []
    for name, file in _files(source):
        for pattern, found in ((_IMAGE, images), (_MASK, masks)):
            if match := pattern.match(name):
                if match[1].upper() in found:
                    twice[name] = file
                found.setdefault(match[1].upper(), file)
        if _METADATA.match(name):
            tables.append(file)
        elif file.member and name.lower().endswith(".zip"):
            zips_in_zips.append(file)
    counts: list[tuple[str, Sized]] = [
        ("metadata (HAM10000_metadata, .csv or .tab)", tables),
        ("image ISIC_*.jpg", images),
        ("mask ISIC_*_segmentation.png (HAM10000_segmentations_lesion_tschandl)", masks),
    ]
    if absent := [what for what, files in counts if not files]:
        hint = f" There are zips inside {zips_in_zips[0].path}: unpack it once." if zips_in_zips else ""
        raise DataError(f"{source}: no {', no '.join(absent)} in it or in its folders and zips.{hint} {_WHERE}")
    try:
        text = tables[0].read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{tables[0]}: is not text ({error}). Download the metadata again.") from error
    release = Release(images, masks, parse_metadata(text, str(tables[0])), tables[0])
    if twice:
        example = min(twice)
        release.notes.append(f"{len(twice)} files are there twice, the first was taken (not {twice[example]})")
    if len(tables) > 1:
        release.notes.append(f"{len(tables)} metadata files, {tables[0].path.name} was taken")
    return release


def _files(source: Path) -> Iterator[tuple[str, SourceFile]]:
    """Name and file of everything below a folder, or in a zip, sorted."""
    if source.is_file():
        yield from _members(source) if source.suffix.lower() == ".zip" else [(source.name, _plain(source))]
        return
    seen: set[str] = set()
    for folder, subfolders, names in os.walk(source, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:  # a link to a folder above
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not _hidden(name))
        for name in sorted(name for name in names if not _hidden(name)):
            path = Path(folder, name)
            if path.suffix.lower() == ".zip":
                yield from _members(path)
            elif path.is_file():
                yield name, _plain(path)


def _plain(path: Path) -> SourceFile:
    status = path.stat()
    return SourceFile(path, "", (status.st_size, status.st_mtime_ns))


def _members(path: Path) -> Iterator[tuple[str, SourceFile]]:
    try:
        infos = sorted(_zip(path).infolist(), key=lambda info: info.filename)
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: is not a zip, or a damaged one ({error}). Download it again.") from error
    for info in infos:
        parts = info.filename.replace("\\", "/").split("/")
        if not info.is_dir() and not any(_hidden(part) for part in parts):
            yield parts[-1], SourceFile(path, info.filename, (info.file_size, info.CRC))


def _hidden(name: str) -> bool:
    return name.startswith((".", "__MACOSX"))


def _zip(path: Path) -> zipfile.ZipFile:
    """Opened once a process, as the list of 10,000 members takes a while to read; processes cannot share one."""
    return _open_zip(str(path), path.stat().st_mtime_ns, os.getpid())


@lru_cache(maxsize=16)
def _open_zip(path: str, changed: int, process: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)
