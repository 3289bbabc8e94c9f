# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Interrupts, damages, starves and attacks the package, and prints what came of it.

  kills       the real commands are killed at their file operations, and run again
  mutations   damaged files for each reader of files from outside
  limits      too little disk and memory
  attacks     code where data belong, archives that leave their folder, bombs, formulas, terminal sequences

Seeded, and bounded by --seconds; what is done is kept in --state, and the same command goes on from there. The exit
status is 1 where anything is a fault.

example:
  python tests/torture/main.py --state runs/torture --seconds 600
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tools"), str(REPOSITORY / "tests")]

from torture.outcomes import Outcome  # noqa: E402

from ctan_monai.utils.folder_lock import locked_folder  # noqa: E402

PARTS = {"kills": 0.4, "mutations": 0.4, "limits": 0.12, "attacks": 0.08}  # shares of the time
_UNSEEN = """\
## What the oracle cannot see

- Formats without checksums: one digit of a CSV, one byte of an uncompressed voxel, of a JPEG or of a DICOM value is as
  good as another. These count as "another value". Checked are the value's form and range, not its truth.
- A CSV that was cut off between two rows, and a DICOM file that was cut off between two elements behind its pixels, are
  valid files.
- A kill is a SIGKILL: what was written has reached the disk. A power cut, which can lose it, is not simulated.
- Files are damaged one at a time, by seeded random changes; no coverage guides them.
- Memory that was never written is found where its content changes a value that was accepted.
- Time and memory are bounded for each file, not compared with those of the undamaged one.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, default=Path("runs/torture"), help="folder for what is done")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, help="for all parts (default: 600; with --full: no bound)")
    parser.add_argument("--full", action="store_true", help="all kills, 50,000 damaged files, all limits: hours")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this one; may be repeated")
    parser.add_argument("--output", type=Path, help="page to write, such as docs/results/robustness.md")
    parser.add_argument("--outcomes", type=Path, help=argparse.SUPPRESS)  # a part's own process writes them here
    options = parser.parse_args(arguments)
    seconds = options.seconds or (1e6 if options.full else 600)
    options.state.mkdir(parents=True, exist_ok=True)
    if options.outcomes:
        run = importlib.import_module(f"torture.{options.part[0]}").run
        state = options.state.resolve()
        if options.part[0] != "kills":  # which compares versions itself, and keeps the phantoms
            state /= _version()
        found = run(state, options.seed, seconds, options.full)
        options.outcomes.write_text(json.dumps([asdict(outcome) for outcome in found]))
        return 0
    start = time.monotonic()
    parts = options.part or list(PARTS)
    outcomes: list[Outcome] = []
    with locked_folder(options.state, "--state"):
        for part in parts:
            share = seconds if options.full else seconds * PARTS[part] / sum(PARTS[name] for name in parts)
            print(f"{part} ...", flush=True)
            outcomes += _run(part, options, share)
    table = _table(outcomes)
    print(table)
    if options.output:
        options.output.write_text(_page(table, outcomes, options, time.monotonic() - start), encoding="utf-8")
    faults = sum(outcome.count for outcome in outcomes if outcome.outcome == "FAULT")
    for outcome in outcomes:
        for example in outcome.examples if outcome.outcome == "FAULT" else ():
            print(f"FAULT: {outcome.part}, {outcome.what}: {example}")
    print(f"{faults} faults in {sum(outcome.count for outcome in outcomes):,} tries")
    return 1 if faults else 0


def _run(part: str, options: argparse.Namespace, seconds: float) -> list[Outcome]:
    """A part in a process of its own: each one changes what a process has one of."""
    path = options.state / f"{part}_outcomes.json"
    path.unlink(missing_ok=True)
    command = [sys.executable, __file__, "--part", part, "--state", options.state, "--seed", options.seed]
    command += ["--seconds", seconds, "--outcomes", path, *(["--full"] if options.full else [])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": "1"}
    status = subprocess.run(list(map(str, command)), env=environment, check=False).returncode
    if status or not path.is_file():
        return [Outcome(part, "the part itself", "FAULT", 1, [f"it ended with the status {status}"])]
    return [Outcome(**content) for content in json.loads(path.read_text())]


def _version() -> str:
    """Of the program: what another one did is not gone on from."""
    files = [path for folder in ("ctan_monai", "tests/torture") for path in (REPOSITORY / folder).rglob("*.py")]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files)))
    return digest.hexdigest()[:12]


def _table(outcomes: Sequence[Outcome]) -> str:
    lines = []
    for part in dict.fromkeys(outcome.part for outcome in outcomes):
        rows: dict[str, Counter[str]] = {}
        for outcome in outcomes:
            if outcome.part == part:
                rows.setdefault(outcome.what, Counter())[outcome.outcome] += outcome.count
        columns = [*sorted({name for row in rows.values() for name in row} - {"FAULT"}), "FAULT"]
        total: Counter[str] = sum(rows.values(), Counter())
        lines += [f"| {part} | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
        for what, row in [*rows.items(), ("**all**", total)]:
            lines.append(f"| {what} | {' | '.join(str(row[column]) for column in columns)} |")
        lines.append("")
    return "\n".join(lines)


def _page(table: str, outcomes: Sequence[Outcome], options: argparse.Namespace, seconds: float) -> str:
    shown = [
        f"- {outcome.part}, {outcome.what}, {outcome.outcome}: {_plain(outcome.examples[0])}"
        for outcome in outcomes
        if outcome.examples and outcome.outcome in ("another value", "FAULT", "harmless")
    ]
    about: Mapping[str, object] = {
        "Commit": _git("rev-parse", "HEAD") + ("+changes" if _git("status", "--porcelain", "-uno") else ""),
        "Seed": options.seed,
        "Machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "Date": f"{datetime.now(UTC):%Y-%m-%d}",
        "Time of this run": f"{seconds / 60:.0f} min; it went on from what an earlier one with this seed had done",
        "Tries": f"{sum(outcome.count for outcome in outcomes):,}",
        "Faults": sum(outcome.count for outcome in outcomes if outcome.outcome == "FAULT"),
    }
    return "\n".join(
        [
            "# Robustness",
            "",
            "Written by `make torture`, which kills, damages, starves and attacks the package (`tests/torture/`).",
            "A fault is a crash, a traceback, a wrong value accepted in silence, a passed bound, or no recovery.",
            "",
            *(f"- {name}: {value}" for name, value in about.items()),
            "",
            table,
            "## Examples",
            "",
            *shown,
            "",
            _UNSEEN,
        ]
    )


def _plain(text: str) -> str:
    """Without the places of this machine."""
    shown = text.replace(str(REPOSITORY), "").replace("|", "\\|").replace("<", "&lt;")
    return " ".join(word.rsplit("/", 1)[-1] if word.startswith(("/", "'/")) else word for word in shown.split())[:240]


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", "-C", REPOSITORY, *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.is_file() else []
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    sys.exit(main())
