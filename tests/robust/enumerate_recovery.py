# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Kills a preparation right before its N-th file operation, for each N, and prepares again: a program of its own.

    python enumerate_recovery.py DATASET WORK FIRST STEP

The processes are forked from one that has all modules loaded, which a process with threads, as pytest's, must not do.
Prints the number of operations and a line for each fault.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY / "tools"))

import make_phantom  # noqa: E402
import prepare_data  # noqa: E402
import tqdm  # noqa: E402

# data set -> patients, options of the preparation, options of the one that it replaces
DATASETS: dict[str, tuple[int, list[str], list[str]]] = {
    "ham10000": (21, ["--size", "32"], ["--size", "40"]),
    "openkbp": (3, [], []),
    "prostate": (3, ["--size", "32", "--spacing", "12", "12", "3"], ["--size", "32", "--spacing", "12", "12", "6"]),
    "stoic": (10, ["--size", "32", "--spacing", "12", "12", "20"], ["--size", "32", "--spacing", "10", "10", "20"]),
}
_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")


def forked(arguments: list[str], kill_before: int = 0) -> tuple[int, int]:
    """Prepares in a process of its own; returns its status and the number of file operations."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        with os.fdopen(reading) as stream:
            told = stream.read()
        return os.waitpid(child, 0)[1], int(told or 0)
    os.close(reading)
    count = 0

    def hook(event: str, values: tuple[Any, ...]) -> None:
        nonlocal count
        if event in _CHANGES or (event == "open" and isinstance(values[2], int) and values[2] & os.O_ACCMODE):
            count += 1
            if count == kill_before:
                os.kill(os.getpid(), signal.SIGKILL)

    text = io.StringIO()
    tqdm.tqdm.monitor_interval = 0  # no thread
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        sys.addaudithook(hook)
        status = prepare_data.main(arguments)
    if status:
        print(text.getvalue()[-500:])
        sys.stdout.flush()
    os.write(writing, str(count).encode())
    os._exit(status)


def content(folder: Path) -> dict[str, str]:
    """Path to SHA-256 of all that lies in a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        if path.name == "datalist.json":
            values = json.loads(data)
            values["provenance"].pop("prepared")
            data = json.dumps(values).encode()
        found[str(path.relative_to(folder))] = hashlib.sha256(data).hexdigest()
    return found


def vouched(folder: Path) -> bool:
    """Whether there is a list, and all files are as it says."""
    path = folder / "datalist.json"
    if not path.is_file():
        return True
    facts = json.loads(path.read_text())["files"]
    return bool(facts) and all(
        (folder / name).is_file() and hashlib.sha256((folder / name).read_bytes()).hexdigest() == fact["sha256"]
        for name, fact in facts.items()
    )


def main(dataset: str, work: Path, first: int, step: int) -> None:
    patients, options, former = DATASETS[dataset]
    os.fsync = lambda handle: None  # a killed process, unlike a power cut, loses nothing that it wrote
    for seed in (0, 1) if former == options else (0,):
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            make_phantom.main([dataset, "--output", str(work / f"release{seed}"), "--patients", str(patients),
                               "--seed", str(seed)])  # fmt: skip

    def arguments(output: Path, seed: int = 0, own: list[str] = options) -> list[str]:
        return [dataset, "--source", str(work / f"release{seed}"), "--output", str(output), *own]

    out = work / "out"
    assert forked(arguments(work / "wanted"))[0] == 0
    wanted = content(work / "wanted")
    assert vouched(work / "wanted")
    assert forked(arguments(work / "former", 1 if former == options else 0, former))[0] == 0
    for name, start in (("into an empty folder", None), ("over other data", work / "former")):
        point, total = first, None
        while total is None:
            shutil.rmtree(out, ignore_errors=True)
            if start is not None:
                shutil.copytree(start, out, copy_function=os.link)
            status, operations = forked(arguments(out), point)
            if status != signal.SIGKILL:
                total = operations
            if not vouched(out):
                print(f"fault: {name}, killed before operation {point}: the list vouches for other files")
            if forked(arguments(out))[0] != 0:
                print(f"fault: {name}, killed before operation {point}: cannot be prepared again")
            elif (found := content(out)) != wanted:
                differing = sorted(set(found.items()) ^ set(wanted.items()))
                print(f"fault: {name}, killed before operation {point}: differs in {differing[:4]}")
            point += step
        print(f"operations {name}: {total}")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
