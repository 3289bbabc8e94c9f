# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ctan_monai.bundle.data_values import as_argument
from ctan_monai.metrics import TaskMetric
from ctan_monai.utils.errors import DataError, content_of
from ctan_monai.utils.files import prepare_output_dir, read_json, write_json
from ctan_monai.utils.folder_lock import locked_folder

from .collect import collect_result, load_result
from .plan import Run

_SETTINGS = "run.json"
_POLL_SECONDS = 2.0


class Runner:
    """Trains and evaluates the runs of a comparison, each by the bundle's own commands in a process of its own.

    A run whose result file is there is finished and is not started again; one with a checkpoint goes on from it. Result
    and folder say with which settings a run was begun, and other settings are refused: a table of runs that differ in
    more than the method would be worth nothing.

    Args:
        configs: the bundle's ``configs`` folder.
        output: folder of the comparison; a run has its own folder in it.
        metrics: task to its metric.
        results: folder of the small result files, ``<run>.json``.
        overrides: further config files for all runs, such as ``cpu.json``.
        values: ids and values that all runs get, such as ``{"max_epochs": 8}``.
        say: prints a line of progress.
    """

    def __init__(
        self,
        configs: Path,
        output: Path,
        metrics: Mapping[str, TaskMetric],
        results: Path,
        overrides: Sequence[Path] = (),
        values: Mapping[str, Any] | None = None,
        say: Callable[[str], None] = print,
    ) -> None:
        self.configs = configs
        self.output = output
        self.metrics = dict(metrics)
        self.results = results
        self.overrides = list(overrides)
        self.values = dict(values or {})
        self.say = say

    def folder(self, run: Run) -> Path:
        """Where a run writes."""
        return self.output / run.name

    def result_path(self, run: Run) -> Path:
        """The small file that holds all that the table needs of a run."""
        return self.results / f"{run.name}.json"

    def finished(self, run: Run) -> bool:
        """Whether a run's result is there, from the same settings.

        Raises:
            DataError: it was begun with other settings.
        """
        begun_path = self.folder(run) / _SETTINGS
        done = self.result_path(run).is_file()
        begun = {}
        if done:
            begun_path = self.result_path(run)
            begun = load_result(begun_path, run)["settings"]
        elif begun_path.is_file():
            begun = read_json(begun_path, "the settings of a run. Remove its folder, and the run is done again.")
        if str(begun.get("method", "")).startswith("method_"):  # version 0.1.0 named the override files
            begun = {**begun, **run.values, "seed": begun.get("seed")}
        now = self.settings(run)
        if begun and begun != now:
            differs = [
                f"{k} {begun.get(k)} and now {now.get(k)}" for k in {**begun, **now} if begun.get(k) != now.get(k)
            ]
            raise DataError(
                f"{begun_path}: the run was begun with other settings ({'; '.join(differs)}): give the same ones, or "
                f"another {'--results' if done else '--output'}."
            )
        return done

    def settings(self, run: Run) -> dict[str, Any]:
        """All that decides a run's result, except the code and the machine."""
        return {
            **run.values,
            "config_files": [path.name for path in self.overrides],
            **{key: value for key, value in self.values.items() if key not in ("dataset_dir", "num_workers")},
        }

    def run(self, runs: Sequence[Run], after: Callable[[], object] = lambda: None) -> None:
        """Run all that is not finished, in order.

        Args:
            runs: of the comparison.
            after: is called after each run.

        Raises:
            DataError: a run failed; the message names its log. Or another program runs into the same folder.
        """
        todo = [run for run in runs if not self.finished(run)]
        for run in runs:
            if run not in todo:
                self.say(f"{run.name}: finished before")
        prepare_output_dir(self.output, 500.0 * len(todo), "--output")
        prepare_output_dir(self.results, 1.0, "--results")
        with locked_folder(self.output, "--output"):
            self._run(todo, after)

    def _run(self, todo: Sequence[Run], after: Callable[[], object]) -> None:
        seconds: list[float] = []
        for number, run in enumerate(todo, 1):
            start = time.perf_counter()
            left = (
                f", about {_duration(sum(seconds) / len(seconds) * (len(todo) - number + 1))} left" if seconds else ""
            )
            self.say(f"{run.name}: run {number} of {len(todo)}{left}")
            self._train_and_evaluate(run)
            seconds.append(time.perf_counter() - start)
            after()

    def _train_and_evaluate(self, run: Run) -> None:
        folder = self.folder(run)
        write_json(folder / _SETTINGS, self.settings(run))
        resume = (folder / "checkpoint.pt").is_file()
        self._call(run, "training", [], {"resume": resume})
        # An evaluation that was interrupted left no result, but perhaps part of a page.
        unfinished = folder / "evaluation"
        if unfinished.is_dir():
            shutil.rmtree(unfinished)
        self._call(run, "evaluating", [self.configs / "evaluate.json"], {})
        write_json(self.result_path(run), collect_result(folder, run, self.settings(run), self.metrics))

    def _call(self, run: Run, run_id: str, more: Sequence[Path], values: Mapping[str, Any]) -> None:
        files = [self.configs / "train.json", *self.overrides, *more]
        command = [sys.executable, "-m", "monai.bundle", "run", run_id]
        command += ["--config_file", str([str(path.resolve()) for path in files])]
        given = {**self.values, **run.values, "output_dir": str(self.folder(run).resolve()), **values}
        for key, value in given.items():
            command += [f"--{key}", as_argument(value)]
        folder = self.folder(run)
        log = folder / f"{run_id}.log"
        with open(log, "ab") as stream:
            process = subprocess.Popen(
                command, stdout=stream, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONWARNINGS": "ignore"}
            )
            try:
                self._watch(process, folder, run_id)
            except BaseException:  # Ctrl-C, or SIGTERM: the run goes on from its checkpoint next time
                process.terminate()
                process.wait()
                raise
        if process.returncode:
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise DataError(
                f"{log}: {run_id} failed with exit code {process.returncode}: {' '.join(last)} Fix the cause and give "
                "the same command again: finished runs are kept, broken ones go on from their checkpoint."
            )

    def _watch(self, process: subprocess.Popen[bytes], folder: Path, run_id: str) -> None:
        """Say each finished epoch until the process ends."""
        from ctan_monai.handlers import EpochLog  # here: it imports Ignite, which a plan need not wait for

        seen = len(EpochLog.read(folder / "training_log.csv"))
        while process.poll() is None:
            time.sleep(_POLL_SECONDS)
            rows = EpochLog.read(folder / "training_log.csv") if run_id == "training" else []
            for row in rows[seen:]:
                total = _max_epochs(folder)
                each = float(row["seconds"])
                left = f", {_duration(each * (total - int(row['epoch'])))} left" if total else ""
                losses = ", ".join(f"{k} {float(v):.4f}" for k, v in row.items() if k.endswith("_loss"))
                self.say(f"  {folder.name} epoch {row['epoch']}/{total or '?'}: {losses}{left}")
            seen = max(seen, len(rows))


def _max_epochs(folder: Path) -> int:
    path = folder / "training.json"
    with content_of(path, "Remove the run's folder, and it is done again."):
        return int(json.loads(path.read_text())["max_epochs"]) if path.is_file() else 0


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{max(minutes, 1)} min"
