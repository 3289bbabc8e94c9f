# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""One run at a time writes into a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine, Events

from ctan_monai.data.preparation.journal import preparation
from ctan_monai.handlers import HandlerGroup, TrainingCheckpoint
from ctan_monai.utils import folder_lock
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.folder_lock import locked_folder

_HOLD = """
import multiprocessing, sys, time
from ctan_monai.utils.folder_lock import lock_folder
lock_folder(sys.argv[1], "--output")
child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(30,))
child.start()
print(child.pid, flush=True)
time.sleep(60)
"""


_PREPARE = """
import os, sys, time
from pathlib import Path
from ctan_monai.data.preparation.parallel import prepare_cases
from ctan_monai.data.preparation.journal import preparation

def write(path):
    while True:  # a worker ends between two calls of Python at the latest
        path.write_text(str(os.getpid()))
        time.sleep(0.01)

with preparation(Path(sys.argv[1])):
    list(prepare_cases({name: (Path(sys.argv[1]) / name,) for name in "ab"}, write, 2, "", "case"))
"""


@contextmanager
def _another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that has taken a folder, and has a worker that outlives it."""
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        try:
            yield process
        finally:
            process.kill()
            os.kill(worker, signal.SIGKILL)


def _trainer(folder: Path, fail: bool = False) -> Engine:
    def step(engine: Engine, batch: int) -> None:
        if fail:
            raise RuntimeError("made up")

    engine = Engine(step)
    checkpoint = TrainingCheckpoint(folder, {"network": torch.nn.Linear(1, 1)}, resume=True)
    HandlerGroup({"checkpoint": checkpoint}).attach(engine)
    return engine


def test_a_folder_is_taken_by_one_process_and_free_when_it_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_lock, "_WAIT_SECONDS", 0.2)
    with _another_process(tmp_path) as process:
        with pytest.raises(DataError, match="another program is writing into this folder"), preparation(tmp_path):
            pass
        with pytest.raises(DataError, match=r"another program.*--output_dir"):
            _trainer(tmp_path).run([0], max_epochs=1)
        assert not list(tmp_path.iterdir())
        process.kill()
        process.wait()
        _trainer(tmp_path).run([0], max_epochs=1)  # while a worker of the killed process still lives
    assert (tmp_path / "model.pt").is_file()


def test_workers_of_a_killed_preparation_do_not_meet_the_next_one(tmp_path: Path) -> None:
    files = [tmp_path / name for name in "ab"]
    with subprocess.Popen([sys.executable, "-c", _PREPARE, str(tmp_path)], stderr=subprocess.DEVNULL) as process:
        while not all(file.is_file() and file.read_text() for file in files):
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
    with preparation(tmp_path):
        for file in files:
            file.write_text("the next one's")
        time.sleep(1.5)
        assert [file.read_text() for file in files] == ["the next one's"] * 2


def test_one_process_takes_a_folder_several_times(tmp_path: Path) -> None:
    with locked_folder(tmp_path, "--output"), preparation(tmp_path):
        trainer = _trainer(tmp_path)
        trainer.run([0], max_epochs=1)
        trainer.run([0], max_epochs=2)
        assert trainer.state.epoch == 2


def test_a_training_gives_its_folder_back(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="made up"):
        _trainer(tmp_path, fail=True).run([0], max_epochs=1)
    _trainer(tmp_path).run([0], max_epochs=1)
    with _another_process(tmp_path):  # else it could not take it, and would print no worker
        pass


def test_the_folder_is_kept_until_the_last_handler_is_done(tmp_path: Path) -> None:
    trainer = _trainer(tmp_path)
    locked = []

    def last(engine: Engine) -> None:
        code = "import sys; from ctan_monai.utils.folder_lock import lock_folder; lock_folder(sys.argv[1], '--output')"
        locked.append(subprocess.run([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.DEVNULL).returncode)

    trainer.add_event_handler(Events.COMPLETED, last)
    trainer.run([0], max_epochs=1)
    assert locked == [1]
