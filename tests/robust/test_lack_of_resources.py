# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Where disk or memory is not enough, one line says which; nothing half-written stays."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ctan_monai.utils.command_line import exit_status
from ctan_monai.utils.errors import lack_of_resources
from ctan_monai.utils.files import TEMPORARY, allocate, prepare_output_dir, write_atomic, write_json

_LIMITED = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then a write raises "File too large"
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
import torch
from ctan_monai.utils.files import write_atomic, write_json
path = Path(sys.argv[1])
kind = sys.argv[2]
try:
    if kind == "torch":
        write_atomic(path, lambda stream: torch.save({"a": torch.zeros(100_000)}, stream))
    else:
        write_json(path, ["x" * 200_000])
except OSError as error:
    print(error.errno, error.filename)
"""


@pytest.mark.parametrize("kind", ["torch", "json"])
def test_a_file_that_cannot_be_written_is_named(kind: str, tmp_path: Path) -> None:
    """PyTorch itself says "unexpected pos 64 vs 0"."""
    path = tmp_path / "checkpoint.pt"
    path.write_text("former")
    done = subprocess.run([sys.executable, "-c", _LIMITED, str(path), kind], capture_output=True, text=True)
    assert done.stdout.split() == [str(errno.EFBIG), str(path)], done.stderr[-500:]
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"] and path.read_text() == "former"


@pytest.mark.parametrize(
    "error, words",
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x/a.nii"), "/x/a.nii: the disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the disk is full (Disk quota exceeded)"),
        (OSError(errno.EFBIG, "File too large"), "a file may not be that large here"),
        (MemoryError(), "memory is not enough"),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried to "
                      "allocate 8589934592 bytes. Error code 12"), "not enough for another 8589934592 bytes"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory is not enough"),
        (RuntimeError("ITK ERROR: Unable to join thread."), "memory is not enough"),
    ],
)  # fmt: skip
def test_one_line(error: Exception, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    def action() -> None:
        raise error

    assert exit_status(action) == 2
    text = capsys.readouterr().err
    assert words in text and text.count("\n") == 1


def test_other_errors_are_not_taken_for_it() -> None:
    for error in (RuntimeError("shape"), OSError(errno.EACCES, "x"), ValueError("memory")):
        assert lack_of_resources(error) is None


def test_allocators_of_pytorch_are_known() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50)
    assert "memory is not enough" in str(lack_of_resources(caught.value))


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="the system cannot take disk space at once")
def test_sparse_files_get_their_space(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    with path.open("wb") as stream:
        stream.truncate(1 << 20)
    assert path.stat().st_blocks * 512 < 1 << 20
    allocate(path)
    assert path.stat().st_blocks * 512 >= 1 << 20


_KILLED = """
import os, signal, sys
from ctan_monai.utils.files import write_atomic
def write(stream):
    stream.write(b"x" * 100)
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
write_atomic(sys.argv[1], write)
"""


def test_leftovers_of_killed_processes(tmp_path: Path) -> None:
    """The next run removes them, and not what a living process writes, nor what is another program's."""
    for name in ("checkpoint.pt", "evaluation/report.html"):
        subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path / name)], check=False)
    (tmp_path / ".other.tmp").write_text("x")
    assert len(list(tmp_path.rglob(f".*{TEMPORARY}"))) == 2

    def write(stream: object) -> None:
        prepare_output_dir(tmp_path)
        assert [path.name.split(".")[1] for path in tmp_path.rglob(f".*{TEMPORARY}")] == ["living"]

    write_atomic(tmp_path / "living", write)
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".other.tmp", "evaluation", "living"]
    write_json(tmp_path / ("n" * 240 + ".json"), {})  # a long name leaves room for the temporary one's
