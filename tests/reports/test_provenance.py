# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import getpass
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ctan_monai.utils import provenance
from ctan_monai.utils.run_provenance import _command, _commit, _config_files
from ctan_monai.utils.scrub_paths import scrub_argument, scrub_paths


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/home/ann/data/openkbp", "openkbp"),
        ("/home/ann/my data/openkbp", "openkbp"),
        ("/home/ann/", "ann"),
        ("/", "(folder)"),
        ("~/data/openkbp", "openkbp"),
        ("~ann/", "(folder)"),
        ("C:\\Users\\ann\\openkbp", "openkbp"),
        ("file:///home/ann/x.nii", "x.nii"),
        ("../../ann/openkbp", "openkbp"),
        ("bundles/openkbp/configs/train.json", "bundles/openkbp/configs/train.json"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("cannot read /home/ann/x.nii, skipped", "cannot read x.nii, skipped"),
        ("['/home/ann/a.json', '/home/ann b/b.json']", "['a.json', 'b.json']"),
        ("[/home/ann/a.json,/home/ann/b.json]", "[a.json,b.json]"),
        ("3/4 of the data", "3/4 of the data"),
        (Path("/home/ann/x.nii"), "x.nii"),
        ({"/home/ann/x": ("/home/ann/y", 1, None, 0.5)}, {"x": ["y", 1, None, 0.5]}),
    ],
)
def test_scrub_paths_cuts_what_tells_of_the_machine(value: object, expected: object) -> None:
    assert scrub_paths(value) == expected


def test_scrub_paths_keeps_what_lies_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert scrub_paths(f"{tmp_path}/bundles/openkbp") == "bundles/openkbp"
    assert scrub_paths(str(tmp_path)) == "."


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("--dataset_dir=/home/ann/my data/openkbp", "--dataset_dir=openkbp"),
        ("--config_file=['/home/ann/a.json','b.json']", "--config_file=['a.json','b.json']"),
        ("--max_epochs=3", "--max_epochs=3"),
        ("training", "training"),
    ],
)
def test_scrub_argument(argument: str, expected: str) -> None:
    assert scrub_argument(argument) == expected


def test_provenance_has_no_absolute_path_and_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [
        "training",
        "--config_file",
        "['/home/zoticus/a/train.json','/home/zoticus/a/smoke.json']",
        "--dir=/srv/x/data",
    ]
    monkeypatch.setattr(sys, "argv", ["/home/zoticus/.venv/bin/run.py", *arguments])
    facts = provenance(config={"cache": Path("/home/zoticus/cache")}, seed=3, data={"source": "/srv/zoticus/release"})
    text = json.dumps(facts)
    assert not re.search(r"(?<![\w.:/])/\w", text)
    assert "zoticus" not in text
    for secret in (platform.node(), str(Path.home()), os.getcwd()):
        assert not secret or secret not in text
    if len(getpass.getuser()) > 4:
        assert getpass.getuser() not in text
    assert facts["config_files"] == ["train.json", "smoke.json"]
    assert facts["seed"] == 3
    assert facts["config"] == {"cache": "cache"}
    assert facts["data"] == {"source": "release"}
    assert set(facts["libraries"]) == {"python", "torch", "monai", "ignite", "numpy"}
    assert "not installed" not in facts["libraries"].values()
    assert facts["machine"]["cores"] >= 1


def test_command_names_a_module_as_it_was_called() -> None:
    spec = SimpleNamespace(name="monai.bundle.__main__")
    argv = ["/env/lib/python3.11/site-packages/monai/bundle/__main__.py", "run", "--dir", "/srv/my data"]
    assert _command(argv, spec) == "python -m monai.bundle run --dir 'my data'"
    assert _command(["/srv/tools/prepare.py", "a b"], None) == "python prepare.py 'a b'"
    assert _command(["-c"], None) == "python"


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["x", "--config_file", "a/train.json"], ["train.json"]),
        (["x", "--config_file=['/b/train.json', 'smoke.json']"], ["train.json", "smoke.json"]),
        (["x", "--config_file"], []),
        (["x", "config_file", "y"], []),
    ],
)
def test_config_files(argv: list[str], expected: list[str]) -> None:
    assert _config_files(argv) == expected


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_commit_of_copied_files_is_what_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "module.py"
    source.write_text("x = 1\n")
    monkeypatch.setenv("CTAN_MONAI_COMMIT", "abc123")
    assert _commit(source) == "abc123"
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", "module.py")
    _git(tmp_path, "commit", "--quiet", "-m", "one")
    assert _commit(source) == _git(tmp_path, "rev-parse", "HEAD")  # the checkout's own word is worth more


def test_commit_says_whether_files_changed(tmp_path: Path) -> None:
    source = tmp_path / "package" / "module.py"
    source.parent.mkdir()
    source.write_text("one = 1\n")
    assert _commit(source) == "unknown"  # no checkout
    _git(tmp_path, "init", "--quiet")
    assert _commit(source) == "unknown"  # not tracked, as an installed copy in some project's environment
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "--quiet", "-m", "one")
    head = _git(tmp_path, "rev-parse", "HEAD")
    assert _commit(source) == head
    source.write_text("one = 2\n")
    assert _commit(source) == f"{head}+changes"
