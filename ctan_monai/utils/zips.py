# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Files below a folder, and in its zips, which are unpacked into a temporary folder for as long as the program runs."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .errors import InputError
from .limits import MOST_BYTES

__all__ = ["image_name", "is_dicom", "is_zip", "original_names", "unzip", "walk_folders"]

HIDDEN = (".", "__")  # folders of systems and programs, such as __MACOSX
HEAD = 132  # bytes of a member that tell what it is: DICOM's preamble and "DICM"
_MOST_GAIN = 100  # bytes out of one; images give 2 to 20
_unpacked: dict[str, Path] = {}  # folder of what was unpacked, to its zip
_folders: dict[tuple[object, ...], Path] = {}  # state of a zip, and what was wanted of it, to that folder


def is_zip(path: Path) -> bool:
    """Whether a file is a zip by its name."""
    return path.suffix.lower() == ".zip"


def is_dicom(name: str, head: bytes) -> bool:
    """Whether a member of a zip is DICOM, whatever its name."""
    return head[HEAD - 4 :] == b"DICM" or name.lower().endswith(".dcm")


def original_names(text: str) -> str:
    """A path or message in which the temporary folder of a zip is called as the zip."""
    for folder, zipped in _unpacked.items():
        text = text.replace(folder, str(zipped))
    return text


def image_name(image: str | Path | Sequence[str | Path]) -> str:
    """How an image is called in reports: its path; of the files of a series, the folder that holds them all.

    Args:
        image: a path, or the files of a series. What was unpacked from a zip is called by the zip's path.
    """
    if isinstance(image, (str, Path)):
        return original_names(str(image))
    return original_names(os.path.commonpath([Path(file).parent for file in image]))


def walk_folders(
    root: Path,
    wanted: Callable[[str, bytes], bool],
    skip: Callable[[Path], bool] = lambda folder: False,
    problem: Callable[[InputError], None] | None = None,
) -> Iterator[tuple[Path, list[Path]]]:
    """Every folder at and below a path, and its files, sorted; hidden ones and links to a folder above are left out.

    Args:
        root: a folder or a zip.
        wanted: which members of a zip are unpacked, by name and first 132 bytes.
        skip: which folders are left out.
        problem: is called with the error of a zip in a folder that cannot be used; None: it is raised.

    Yields:
        folder, files. Zips are folders of their name, after the folder that they are in.

    Raises:
        InputError: see :py:func:`unzip`.
    """
    seen: set[str] = set()
    for folder, subfolders, names in os.walk(unzip(root, wanted) if is_zip(root) else root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(s for s in subfolders if not s.startswith(HIDDEN) and not skip(Path(folder, s)))
        files = [Path(folder, name) for name in sorted(names) if not name.startswith(".")]
        zips = [file for file in files if is_zip(file)]
        yield Path(folder), [file for file in files if file not in zips]
        for file in zips:
            try:
                yield from walk_folders(file, wanted, skip, problem)
            except InputError as error:
                if problem is None:
                    raise
                problem(error)


def unzip(path: Path, wanted: Callable[[str, bytes], bool]) -> Path:
    """Unpacks a zip into a folder of its name, which is removed when the program ends.

    Args:
        path: the zip.
        wanted: which members are unpacked, by name and first 132 bytes.

    Returns:
        the folder; the same for the same zip.

    Raises:
        InputError: the zip is damaged or encrypted, holds two files of one name, or needs more than the free space.
    """
    try:
        status = path.stat()
        key = (path.resolve(), status.st_size, status.st_mtime_ns, wanted)
        if key in _folders:
            return _folders[key]
        place = _temporary() / f"{len(_folders):05d}"  # in the order of the zips
        place.mkdir()
    except OSError as error:
        raise InputError(f"{path}: cannot be unpacked ({error}). Unpack it and give its folder.") from error
    folder = place / (path.stem.strip(" .") or "zip")
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if _is_wanted(archive, info, wanted)]
            needed, free = sum(info.file_size for info in members), shutil.disk_usage(place).free
            if needed > 0.9 * free:
                raise InputError(
                    f"{path}: needs {needed / 1e9:.1f} GB to be unpacked in {tempfile.gettempdir()}, which has "
                    f"{free / 1e9:.1f} GB free. Unpack it where there is room and give that folder."
                )
            for info in members:
                if info.file_size > MOST_BYTES and not is_zip(Path(info.filename)):
                    raise InputError(
                        f"{path}: its file {info.filename} has {info.file_size:,} bytes; at most {MOST_BYTES:,} are "
                        "read. Get the zip again, or leave the file out."
                    )
            if needed > MOST_BYTES and needed > _MOST_GAIN * status.st_size:
                raise InputError(
                    f"{path}: has {status.st_size:,} bytes and needs {needed:,} to be unpacked, more than images do. "
                    "Get it again, or unpack it by hand."
                )
            folder.mkdir()
            files = [archive.extract(info, folder) for info in members]
            if len(set(files)) < len(files):
                twice = next(file for file in files if files.count(file) > 1)
                raise InputError(f"{path}: holds two files named {Path(twice).name} in one folder. Unpack it by hand.")
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        shutil.rmtree(place, ignore_errors=True)
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path}: cannot be unpacked ({error}); expected a zip without password. Copy it again, or unpack it and "
            "give its folder."
        ) from error
    _unpacked[str(folder)] = path
    _folders[key] = folder
    return folder


def _is_wanted(archive: zipfile.ZipFile, info: zipfile.ZipInfo, wanted: Callable[[str, bytes], bool]) -> bool:
    parts = info.filename.replace("\\", "/").split("/")
    if info.is_dir() or parts[-1].startswith(".") or any(part.startswith(HIDDEN) for part in parts[:-1]):
        return False
    with archive.open(info) as stream:
        return wanted(parts[-1], stream.read(HEAD))


@functools.cache
def _temporary() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ctan_monai_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
