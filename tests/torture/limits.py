# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The preparations with too little disk and memory: one line says which, and with more the same command goes on.

A full disk is a file system in memory of a few kilobytes where this process may mount one; and a limit of the size of
a file, as a quota sets, everywhere. The check of the free space at the start is told that there is plenty, as it would
be by a quota. What is done is kept in the state's folder.
"""

from __future__ import annotations

import collections
import contextlib
import io
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tools"), str(REPOSITORY / "tests")]

import make_phantom  # noqa: E402
import prepare_data  # noqa: E402
import tqdm  # noqa: E402
from torture.forked import Ended, forked  # noqa: E402
from torture.outcomes import Outcome  # noqa: E402

__all__ = ["run"]

# data set -> patients or lesions, options
DATASETS: dict[str, tuple[int, list[str]]] = {
    "openkbp": (3, []),
    "prostate": (3, ["--size", "32", "--spacing", "12", "12", "3"]),
    "stoic": (10, ["--size", "32", "--spacing", "12", "12", "20"]),
    "ham10000": (21, ["--size", "32"]),
}
SHARES = (0.02, 0.3, 0.7, 0.95)  # of the disk space that is needed
FILES = (5000, 30_000, 200_000)  # bytes that a file may have; what is printed goes to one, too
MEMORY = (5, 13, 40, 120, 300)  # MB beside what the modules take
_Usage = collections.namedtuple("_Usage", "total used free")


def run(state: Path, seed: int, seconds: float, full: bool) -> list[Outcome]:
    """Prepares phantoms under limits.

    Args:
        state: folder that is made; what is done is kept there.
        seed: of the order.
        seconds: after which no further try begins.
        full: all tries; otherwise the time alone ends it, too, and the order is random.

    Returns:
        what is known so far, of earlier calls, too.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    tqdm.tqdm.monitor_interval = 0  # no thread
    tqdm.tqdm.set_lock(threading.RLock())  # its own is shared with processes that may die with it
    end = time.monotonic() + seconds
    state.mkdir(parents=True, exist_ok=True)
    record = state / "limits.jsonl"
    done = [json.loads(line) for line in record.read_text().splitlines()] if record.is_file() else []
    mounts = _can_mount(state / "mount")
    tries = [
        (dataset, kind, limit)
        for dataset in DATASETS
        for kind, limits in (("disk", SHARES), ("file size", FILES), ("memory", MEMORY))
        for limit in limits
        if kind != "disk" or mounts
    ]
    if not full:
        random.Random(seed).shuffle(tries)
    work = state / "limits"
    for dataset, kind, limit in tries:
        if time.monotonic() >= end:
            break
        if [dataset, kind, limit] not in [line["try"] for line in done]:
            outcome, text = _attempt(work, dataset, kind, limit)
            done.append({"try": [dataset, kind, limit], "outcome": outcome, "text": text})
            with record.open("a") as stream:
                stream.write(json.dumps(done[-1]) + "\n")
    counts = Counter((line["try"][1], line["try"][0], line["outcome"]) for line in done)
    return [
        Outcome("limits", f"{kind}, {dataset}", outcome, count,
                [f"{line['try'][2]}: {line['text']}" for line in done
                 if (line["try"][1], line["try"][0], line["outcome"]) == (kind, dataset, outcome) and line["text"]][:4])
        for (kind, dataset, outcome), count in sorted(counts.items())
    ]  # fmt: skip


def _command(dataset: str, work: Path, output: Path) -> Callable[[], int]:
    arguments = [dataset, "--source", str(work / dataset), "--output", str(output), *DATASETS[dataset][1]]
    return lambda: prepare_data.main(arguments)


def _attempt(work: Path, dataset: str, kind: str, limit: float) -> tuple[str, str]:
    work.mkdir(parents=True, exist_ok=True)
    if not (work / f"{dataset}.made").is_file():
        shutil.rmtree(work / dataset, ignore_errors=True)
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            make_phantom.main([dataset, "--output", str(work / dataset), "--patients", str(DATASETS[dataset][0])])
        shutil.rmtree(work / "wanted", ignore_errors=True)
        assert forked(_command(dataset, work, work / "wanted"), work / "wanted").status == 0
        blocks = sum(path.stat().st_blocks for path in (work / "wanted").rglob("*"))
        (work / f"{dataset}.made").write_text(str(512 * blocks))
    needed = int((work / f"{dataset}.made").read_text())
    output = work / "out"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    with contextlib.ExitStack() as stack:
        if kind == "disk":
            stack.enter_context(_mounted(output, max(8192, int(limit * needed))))
        command = _command(dataset, work, output)

        def limited() -> int:
            shutil.disk_usage = lambda path: _Usage(1 << 40, 0, 1 << 40)  # type: ignore[assignment]
            if kind == "file size":
                resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
            elif kind == "memory":
                lines = Path("/proc/self/status").read_text().splitlines()
                size = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmSize:"))
                resource.setrlimit(resource.RLIMIT_AS, (size + int(limit * 1e6), resource.RLIM_INFINITY))
            return command()

        outcome, text = _judge(forked(limited, output), kind)
        if outcome == "FAULT" or outcome == "enough":
            return outcome, text
        if kind == "disk":
            subprocess.run(["mount", "-o", "remount,size=1g", str(output)], check=True)
        again = forked(command, output)
        if again.status:
            return "FAULT", f"the same command with enough fails: {again.text.strip().splitlines()[-1:]}"
    return outcome, text


def _judge(ended: Ended, kind: str) -> tuple[str, str]:
    lines = [line for line in ended.text.replace("\r", "\n").splitlines() if line.strip()]
    last = lines[-1].replace(str(REPOSITORY), "") if lines else ""
    if "Traceback" in ended.text or ended.status < 0:
        return "FAULT", f"status {ended.status}: {' / '.join(lines[-6:])[-600:]}"
    words = (
        ("memory is not enough", "was not enough")
        if kind == "memory"
        else ("disk is full", "Free some", "not be that large")
    )
    if ended.status == 0:
        return ("one case skipped", "") if any(word in ended.text for word in words) else ("enough", "")
    if ended.status == 2 and any(word in ended.text for word in words):
        return "one line", last[:200]
    return "FAULT", f"status {ended.status}, and no word of what lacks: {' / '.join(lines[-6:])[-600:]}"


@contextlib.contextmanager
def _mounted(folder: Path, size: int) -> Iterator[None]:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _can_mount(folder: Path) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _mounted(folder, 8192):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False
