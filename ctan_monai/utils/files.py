# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import atexit
import contextlib
import csv
import errno
import hashlib
import io
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from .errors import DataError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TEMPORARY = ".ctan_tmp"  # ends the name of a file that is being written
_FORMULA = ("=", "+", "-", "@", "\t", "\n")  # how cells begin that spreadsheets compute


def write_atomic(path: str | Path, content: str | bytes | Callable[[IO[bytes]], None]) -> None:
    """Write a file so that it is there as a whole or not at all.

    Args:
        path: the file; its folder is made.
        content: text, bytes, or a function that writes to the binary stream it is given.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = _locked_temporary(path)
    raw = _RememberedError(handle, "wb")
    try:
        with io.BufferedWriter(raw) as stream:
            if callable(content):
                content(stream)
            else:
                stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
            # mkstemp gives 0600; the umask that a plain open() would have obeyed:
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(temporary, 0o666 & ~mask)
            if fcntl is None:
                stream.close()  # Windows renames no open file
            os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        found = error if isinstance(error, OSError) else raw.error
        if found is None:
            raise
        if found.errno is not None:  # otherwise the text would become "[Errno None] None"
            found.filename = found.filename or str(path)
        raise found from (None if found is error else error)


class _RememberedError(io.FileIO):
    """A file that keeps the error of its writing: PyTorch's own, of a position, does not say that the disk is full."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.error = error
            raise


def _locked_temporary(path: Path) -> tuple[int, str]:
    """A new file beside another, locked as long as it is open: so that a later run knows those of dead processes."""
    while True:
        handle, temporary = tempfile.mkstemp(TEMPORARY, f".{path.name[:200]}.", path.parent)
        if fcntl is None:
            return handle, temporary
        with contextlib.suppress(OSError):  # some network drives know no locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return handle, temporary
        os.close(handle)  # taken for a leftover before it was locked


def remove_leftovers(folder: str | Path) -> None:
    """Remove what :py:func:`write_atomic` left in a folder and its own folders in processes that were killed."""
    if fcntl is None:
        return
    for pattern in (f".*{TEMPORARY}", f"*/.*{TEMPORARY}"):
        for path in Path(folder).glob(pattern):
            with contextlib.suppress(OSError), path.open("rb") as stream:  # a living process holds its lock
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()


def write_output(path: str | Path, content: str | bytes | Callable[[IO[bytes]], None]) -> None:
    """:py:func:`write_atomic` of a result of inference.

    Raises:
        OSError: the file cannot be written; the message names it and says what to do.
    """
    with output_errors(path):
        write_atomic(path, content)


@contextlib.contextmanager
def output_errors(path: str | Path) -> Iterator[None]:
    """Lets an OSError of what is done with a result of inference name the file and say what to do."""
    try:
        yield
    except OSError as error:
        raise OSError(
            f"{path}: cannot be written ({error.strerror or error}). Free some space, or give another --output_dir."
        ) from error


def allocate(path: str | Path) -> None:
    """Take the disk space of a sparse file, whose memory map would end the process where the disk is full.

    Raises:
        OSError: the space is not there.
    """
    if not hasattr(os, "posix_fallocate"):  # macOS, Windows
        return
    with open(path, "r+b") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.EINVAL):  # the file system cannot
                return
            error.filename = str(path)
            raise


def plain(value: Any) -> Any:
    """A value as JSON has it: numpy's numbers and arrays as Python's, paths as text, NaN and infinity as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # of numpy, which takes a while to import
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def json_text(content: Any) -> str:
    """JSON as this package writes it: a missing number is null, never NaN, which JSON lacks."""
    return json.dumps(plain(content), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """A table as CSV; a missing value is an empty cell.

    Text that a spreadsheet would run as a formula ("=1+1", also of a structure's or a file's name) gets an apostrophe
    before it, by which spreadsheets know text.

    Args:
        rows: columns are those of all rows, in order of first appearance; rows may lack some.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    # the csv module writes None as an empty cell and a float with all its digits
    writer.writerows([[_cell(row.get(name)) for name in columns] for row in [{name: name for name in columns}, *rows]])
    return text.getvalue()


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    value = value.replace("\r\n", "\n").replace("\r", "\n")  # the csv module does not quote it, and readers end a row
    if value.startswith(_FORMULA):
        try:
            float(value)
        except ValueError:
            return f"'{value}"
    return value


def write_json(path: str | Path, content: Any) -> Path:
    """Write :py:func:`json_text`, atomically.

    Returns:
        The path.
    """
    write_atomic(path, json_text(content))
    return Path(path)


def parse_json(text: str) -> Any:
    """JSON as the standard has it: Python also takes NaN and Infinity, and makes infinity of 1e400.

    Raises:
        ValueError: it is not JSON, or its brackets are too deep.
    """
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("its brackets are too deep") from error


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"it holds {text}, which is not a number")
    return number


def read_json(path: str | Path, expected: str) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        path: the file.
        expected: what it holds and what to do otherwise, which ends the message.

    Raises:
        DataError: it cannot be read, or is not a JSON object.
    """
    try:
        content = parse_json(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error}); expected {expected}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: holds a {type(content).__name__}; expected {expected}")
    return content


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file as hexadecimal text."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_training_record(folder: str | Path | None) -> dict[str, Any] | None:
    """What :py:class:`ctan_monai.handlers.RunRecord` wrote; None where the weights came without it.

    Raises:
        DataError: the file does not hold such a record.
    """
    path = None if folder is None else Path(folder) / "training.json"
    if path is None or not path.is_file():
        return None
    try:
        record = parse_json(path.read_text())
        if not isinstance(record, dict) or not all(isinstance(record.get(k, {}), dict) for k in ("values", "data")):
            raise ValueError("no JSON object with 'values' and 'data', objects, too")
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: is not a training's record ({error}). Restore the file that the training wrote, or move it away "
            "and give its values again, such as --method and --backbone."
        ) from error
    return record


def prepare_output_dir(path: str | Path, needed_mb: float = 0.0, option: str = "--output_dir") -> Path:
    """Make an output folder and prove that it can be written to, before time is spent.

    Temporary files of killed processes are removed from it, see :py:func:`remove_leftovers`. A folder that was made
    here and is still empty when the program ends, as after an error in the input, is removed.

    Args:
        path: the folder.
        needed_mb: free space in MB that the run will need there.
        option: of the command line, by which the user chooses another folder.

    Raises:
        OSError: the folder cannot be made or written, or the disk is too full; the message says which and what to do.
    """
    path = Path(path)
    made = not path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
        if made:
            atexit.register(_remove_if_empty, path.resolve())
        with tempfile.TemporaryFile(dir=path):  # without a name: several ranks may try at once
            pass
        remove_leftovers(path)
    except OSError as error:
        reason = "it is a file" if path.is_file() else error.strerror or error
        raise OSError(
            f"cannot write to the output folder '{path}' ({reason}): choose another one with {option}."
        ) from error
    free = shutil.disk_usage(path).free / 1e6
    if free < needed_mb:
        raise OSError(
            f"the disk of the output folder '{path}' has {free:.0f} MB free, and about {needed_mb:.0f} MB are needed: "
            f"free some space or choose another folder with {option}."
        )
    return path


def _remove_if_empty(path: Path) -> None:
    with contextlib.suppress(OSError):  # it holds something, or is gone
        path.rmdir()
