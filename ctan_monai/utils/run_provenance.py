# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Where a result comes from: code, versions, machine, command and settings."""

from __future__ import annotations

import datetime
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import ctan_monai

from .scrub_paths import scrub_argument, scrub_paths

__all__ = ["provenance"]

_LIBRARIES = {"torch": "torch", "monai": "monai", "ignite": "pytorch-ignite", "numpy": "numpy"}


def provenance(
    config: Mapping[str, Any] | None = None, seed: int | None = None, data: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What a reader needs to repeat a result, and nothing that names the machine, its user or its folders.

    Args:
        config: settings worth stating, for instance method, backbone and epochs.
        seed: of the run.
        data: facts about the data, for instance name, split and number of patients.

    Returns:
        Values fit for JSON: `commit` (with "+changes" where the package's files differ from it; outside a checkout, as
        in a container, what the environment variable CTAN_MONAI_COMMIT says, or "unknown"), `version`, `libraries`,
        `machine`, `time` (UTC), `command`, `config_files`, `seed`, `config`, `data`. Paths are relative to the working
        directory, or only their last part.
    """
    return {
        "commit": _commit(Path(__file__).resolve()),
        "version": ctan_monai.__version__,
        "libraries": {"python": platform.python_version(), **{name: _version(p) for name, p in _LIBRARIES.items()}},
        "machine": _machine(),
        "time": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "command": _command(sys.argv, getattr(sys.modules.get("__main__"), "__spec__", None)),
        "config_files": _config_files(sys.argv),
        "seed": seed,
        "config": scrub_paths(config or {}),
        "data": scrub_paths(data or {}),
    }


def _git(folder: Path, *arguments: str) -> str:
    result = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=True
    )
    return result.stdout.strip()


def _commit(source_file: Path) -> str:
    """Commit of the checkout that tracks a file of the package."""
    folder = source_file.parent
    try:
        # An installed copy may lie within someone else's checkout (an environment in a project's folder).
        _git(folder, "ls-files", "--error-unmatch", source_file.name)
        top = Path(_git(folder, "rev-parse", "--show-toplevel"))
        commit = _git(top, "rev-parse", "HEAD")
        changes = _git(top, "status", "--porcelain")
    except (OSError, subprocess.SubprocessError):
        # files that were copied to a machine without their history: who copied them can say what they were
        return os.environ.get("CTAN_MONAI_COMMIT", "unknown")
    return f"{commit}+changes" if changes else commit


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _machine() -> dict[str, Any]:
    """Kind of machine, without its name: not platform.node(), nor platform.platform(), which may hold one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    machine: dict[str, Any] = {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_model(),
        "cores": cores,
        "memory_gb": _memory_gb(),
        "gpu": None,
    }
    import torch  # here: a command line that only shows its help need not wait for it

    if torch.cuda.is_available():
        machine["gpu"] = f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"
    return machine


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or "unknown"


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _command(argv: Sequence[str], spec: Any) -> str:
    if spec is not None:  # python -m NAME: argv[0] is then a file in some folder of the environment
        start = ["python", "-m", spec.name.removesuffix(".__main__")]
    else:
        start = ["python", str(scrub_paths(Path(argv[0])))] if argv[0] not in ("", "-c") else ["python"]
    return shlex.join([*start, *(scrub_argument(argument) for argument in argv[1:])])


def _config_files(argv: Sequence[str]) -> list[str]:
    """Names of the files given to `--config_file`, in the order they were given: the later ones override."""
    names: list[str] = []
    for position, argument in enumerate(argv):
        option, equals, value = argument.partition("=")
        if option.lstrip("-") in ("config_file", "config-file") and option.startswith("-"):
            text = value if equals else " ".join(argv[position + 1 : position + 2])
            names += [Path(name.strip(" '\"")).name for name in text.strip("[]() ").split(",") if name.strip(" '\"")]
    return names
