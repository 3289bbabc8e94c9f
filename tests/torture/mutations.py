# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Damaged files for every reader of files from outside, and what may come of it.

Each damaged file is read in a forked process, whose crash, time and memory are outcomes, too. The oracle:

right               it was accepted, and the value is that of the undamaged file
refused             one error of ours, which names the file
another value       it was accepted as a valid other file: without a checksum, one digit is as good as another
FAULT               any other error; a crash; too much time or memory; a value that is NaN, infinite or impossible; one
                    that depends on memory that was never written (it is read twice, with such memory filled in two
                    ways); another value of a file that was cut off, or whose format has a checksum
"""

from __future__ import annotations

import contextlib
import ctypes
import fnmatch
import hashlib
import json
import os
import random
import re
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from traceback import extract_tb
from typing import Any, BinaryIO

import numpy as np
import torch
from torture.damage import CUT
from torture.outcomes import Outcome
from torture.readers import READERS, Reader, make_files

from ctan_monai.utils.errors import DataError
from ctan_monai.utils.limits import MOST_BYTES

__all__ = ["run"]

EACH = 1250  # damaged files for each reader in a full run: 40 readers x 1250
SECONDS = 20  # of a processor for one file
MEMORY = MOST_BYTES + (1 << 30)  # bytes for one file: what the package allows, and as much again for its work
_WAIT = 300  # seconds for one file, on a machine that others use, too
_BATCH = 250  # files that one process reads
_SHOWN = 5  # examples of an outcome
_PERTURB = -6  # of glibc's mallopt: new memory is filled with this byte


def run(state: Path, seed: int, seconds: float, full: bool) -> list[Outcome]:
    """Reads damaged files.

    Args:
        state: folder; what is done is noted there, a line a file, and not done again.
        seed: another one gives other damage.
        seconds: after which it ends, in turn through all readers.
        full: ``EACH`` files for each reader; the time alone ends it otherwise.

    Returns:
        rows by reader and outcome.
    """
    end = time.monotonic() + seconds
    files = _valid_files(state, seed)
    log = state / f"mutations_{seed}.jsonl"
    done = _read_log(log)
    count = {reader.name: len([line for line in done if line["reader"] == reader.name]) for reader in READERS}
    size = _BATCH if full else 40
    with log.open("a", encoding="utf-8") as stream:
        while time.monotonic() < end and (open_ := [r for r in READERS if not full or count[r.name] < EACH]):
            reader = min(open_, key=lambda r: count[r.name])
            first = count[reader.name]
            inputs = files / f"{READERS.index(reader):02d}"
            for number, found in _in_processes(reader, inputs, seed, range(first, first + size), end):
                line = {"reader": reader.name, "n": number, **found}
                done.append(line)
                count[reader.name] += 1
                stream.write(json.dumps(line) + "\n")
            stream.flush()
    return _outcomes(done)


def _valid_files(state: Path, seed: int) -> Path:
    folder = state / f"valid_{seed}"
    if not (folder / "made").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if (child := os.fork()) == 0:  # so that this process has no threads of other libraries, which no fork survives
            status = 1
            with contextlib.suppress(BaseException):
                sys.stdout = sys.stderr = open(state / "make_files.log", "w")  # noqa: SIM115
                try:
                    make_files(folder, seed)
                    status = 0
                except Exception:
                    import traceback

                    traceback.print_exc()
                sys.stderr.flush()
            os._exit(status)
        if os.waitpid(child, 0)[1]:
            raise RuntimeError((state / "make_files.log").read_text())
        (folder / "made").touch()
    return folder


def _read_log(log: Path) -> list[dict[str, Any]]:
    lines = []
    for line in log.read_text(encoding="utf-8").splitlines() if log.is_file() else []:
        with contextlib.suppress(ValueError):  # the last one of a process that was killed
            lines.append(json.loads(line))
    return lines


def _outcomes(done: list[dict[str, Any]]) -> list[Outcome]:
    counts = Counter((line["reader"], line["outcome"]) for line in done)
    found = []
    for reader in READERS:
        for outcome in sorted({outcome for name, outcome in counts if name == reader.name}):
            texts = [
                f"n {line['n']}: {line['kind']} of {line['file']}: {line['text']}"
                for line in done
                if (line["reader"], line["outcome"]) == (reader.name, outcome) and line["text"]
            ]
            alike = {re.sub(r"/\S+|\d+|'[^']*'", "", text.partition(": ")[2]): text for text in reversed(texts)}
            shown = list(reversed(alike.values()))[: 4 * _SHOWN if outcome == "FAULT" else _SHOWN]
            found.append(Outcome("mutations", reader.name, outcome, counts[reader.name, outcome], shown))
    return found


def _in_processes(
    reader: Reader, inputs: Path, seed: int, numbers: range, end: float
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each number and its outcome. A process that dies is one, and the next one goes on behind it."""
    work = Path(tempfile.mkdtemp(prefix="torture_"))
    try:
        number = numbers.start
        while number < numbers.stop and time.monotonic() < end:
            lines, child = _start(reader, inputs, work, seed, range(number, numbers.stop))
            with lines:
                ready = False
                while True:
                    if not select.select([lines], [], [], _WAIT)[0]:
                        os.kill(child, signal.SIGKILL)
                        text = ""
                    else:
                        text = lines.readline()
                    if not text.endswith("\n"):
                        break
                    found = json.loads(text)
                    if found.get("error"):
                        raise RuntimeError(f"{reader.name}: {found['error']}")
                    if "outcome" in found:
                        yield number, found
                        number += 1
                        if time.monotonic() > end:
                            os.kill(child, signal.SIGKILL)
                            break
                    else:
                        ready, last = True, found
            status = os.waitpid(child, 0)[1]
            if not ready:
                raise RuntimeError(f"{reader.name}: the process for its valid files ended with {status}")
            if status and number < numbers.stop and time.monotonic() <= end:
                signals = {signal.SIGKILL: f"waited for over {_WAIT} s", signal.SIGXCPU: f"took over {SECONDS} s"}
                how = signals.get(status & 127, f"ended by signal {status & 127}")
                yield number, {**last, "outcome": "FAULT", "text": how}
                number += 1
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _start(reader: Reader, inputs: Path, work: Path, seed: int, numbers: range) -> tuple[Any, int]:
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return os.fdopen(reading, encoding="utf-8"), child
    status = 1
    try:
        os.close(reading)
        with open(os.devnull, "r+b") as nowhere:
            for stream in (0, 1, 2):
                os.dup2(nowhere.fileno(), stream)
        with os.fdopen(writing, "wb", buffering=0) as told:
            try:
                _read_all(reader, inputs, work, seed, numbers, told)
                status = 0
            except BaseException as error:
                _tell(told, {"error": f"{type(error).__name__}: {error}"})
    finally:
        os._exit(status)


def _tell(told: BinaryIO, content: Mapping[str, Any]) -> None:
    told.write(json.dumps(content).encode() + b"\n")


def _read_all(reader: Reader, inputs: Path, work: Path, seed: int, numbers: range, told: BinaryIO) -> None:
    warnings.simplefilter("ignore")
    import logging

    logging.disable()
    tempfile.tempdir = str(work / "unpacked")
    place = work / "in"
    for folder in (place, work / "unpacked"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    whole = {
        path.name: {str(f.relative_to(inputs)): f.read_bytes() for f in sorted(path.rglob("*")) if f.is_file()}
        for path in sorted(inputs.iterdir())
    }
    right = {name: _value(reader, place, files, name) for name, files in whole.items()}
    sizes = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    limit = 1024 * int(sizes["VmSize"].split()[0]) + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number in numbers:
        draw = random.Random(f"{seed}/{reader.name}/{number}")
        name = draw.choice(sorted(whole))
        file = draw.choice([f for f in whole[name] if fnmatch.fnmatch(Path(f).name, reader.damaged)])
        kind, content = draw.choice(reader.kinds)(draw, whole[name][file])
        about = {"kind": kind, "file": file}
        _tell(told, about)
        most = int(time.process_time()) + 1 + SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        outcome, text = _try(reader, place, {**whole[name], file: content}, name, right[name], kind, file)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        if grown > MEMORY:
            outcome, text = "FAULT", f"took {grown:,} bytes of memory"
        _tell(told, {**about, "outcome": outcome, "text": text})


def _try(
    reader: Reader, place: Path, files: Mapping[str, bytes], name: str, right: tuple[str, Any], kind: str, file: str
) -> tuple[str, str]:
    found, value = _value(reader, place, files, name)
    if found == "error":
        if isinstance(value, (DataError, *reader.errors)):
            text = str(value)
            if Path(file).name in text or str(place / name) in text:
                return "refused", ""
            return "FAULT", f"an error that does not name the file: {text[:200]}"
        where = extract_tb(value.__traceback__)[-1]
        return "FAULT", f"{type(value).__name__}: {str(value)[:200]} ({Path(where.filename).name}, line {where.lineno})"
    if right[0] != "error" and found == right[0]:
        return "right", ""
    if bad := _impossible(value):
        return "FAULT", bad
    with _other_memory():
        again = _value(reader, place, files, name)[0]
    if again != found:
        return "FAULT", "its value depends on memory that was never written"
    if reader.checksummed:
        return "FAULT", f"another value, although its format has a checksum: {_difference(right[1], value)}"
    if kind == CUT and not reader.cuts:
        return "FAULT", f"cut off, and accepted with another value: {_difference(right[1], value)}"
    return "another value", _difference(right[1], value)


def _value(reader: Reader, place: Path, files: Mapping[str, bytes], name: str) -> tuple[str, Any]:
    """Digest and value of an input, or "error" and the error."""
    shutil.rmtree(place / name, ignore_errors=True)
    for file, content in files.items():
        (place / file).parent.mkdir(parents=True, exist_ok=True)
        (place / file).write_bytes(content)
    try:
        value = reader.read(place / name)
    except Exception as error:
        return "error", error
    digest = hashlib.sha256()
    _add(digest, value)
    return digest.hexdigest(), value


def _add(digest: Any, value: Any) -> None:
    if isinstance(value, torch.Tensor):
        value = value.numpy()
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            digest.update(f"{key}=".encode("utf-8", "surrogatepass"))
            _add(digest, value[key])
    elif isinstance(value, list | tuple):
        digest.update(f"[{len(value)}".encode())
        for item in value:
            _add(digest, item)
    else:
        digest.update(f"{type(value).__name__}{value!r};".encode("utf-8", "surrogatepass"))


def _impossible(value: Any) -> str:
    """What no file can mean: NaN, infinity, or numbers beyond all HU, Gy and mm."""
    if isinstance(value, torch.Tensor):
        value = value.numpy()
    if isinstance(value, Mapping):
        return next((f"{key}: {text}" for key, item in value.items() if (text := _impossible(item))), "")
    if isinstance(value, list | tuple):
        return next(filter(None, map(_impossible, value)), "")
    if isinstance(value, float | np.floating):
        value = np.asarray(value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.size:
        if not np.isfinite(value).all():
            return "a value that is NaN or infinite"
        if value.ndim and np.abs(value).max() > 1e9:  # a single number may be of a record
            return f"the value {np.abs(value).max():g}"
    return ""


def _difference(right: Any, value: Any) -> str:
    """The first place in which two values differ, for a person."""
    if isinstance(right, Mapping) and isinstance(value, Mapping):
        for key in dict.fromkeys([*right, *value]):
            if key not in value or key not in right:
                return f"{key}: only {'before' if key in right else 'now'}"
            if text := _difference(right[key], value[key]):
                return f"{key}: {text}"
        return ""
    if isinstance(right, list | tuple) and isinstance(value, list | tuple):
        if len(right) != len(value):
            return f"{len(value)} instead of {len(right)}"
        return next((text for a, b in zip(right, value, strict=True) if (text := _difference(a, b))), "")
    if isinstance(right, torch.Tensor) and isinstance(value, torch.Tensor):
        right, value = right.numpy(), value.numpy()
    if isinstance(right, np.ndarray) and isinstance(value, np.ndarray):
        if right.shape != value.shape or right.dtype != value.dtype:
            return f"{value.dtype} {value.shape} instead of {right.dtype} {right.shape}"
        differ = int((right != value).sum())
        return f"{differ} of {right.size} numbers differ" if differ else ""
    return "" if right == value else f"{str(value)[:60]!r} instead of {str(right)[:60]!r}"


@contextlib.contextmanager
def _other_memory() -> Iterator[None]:
    """Within it, memory that is not written holds other bytes than usual: glibc fills it."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        yield
        return
    mallopt(_PERTURB, 0x5A)
    try:
        yield
    finally:
        mallopt(_PERTURB, 0)
