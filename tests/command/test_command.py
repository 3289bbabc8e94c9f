# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""``ctan-monai``: one entry point, whose help and errors in arguments come before PyTorch and MONAI are imported."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from support import REPOSITORY, run_tool

from ctan_monai.command import main as module
from ctan_monai.command import monai_run, phantom, prepare
from ctan_monai.data.prostate.case import NETWORK_SIZE, NETWORK_SPACING
from ctan_monai.data.stoic.prepare import SIZE, SPACING
from ctan_monai.packing.predict_options import check, parse
from ctan_monai.utils.bundles import config_file
from ctan_monai.utils.errors import DataError

SLOW = ("torch", "monai", "numpy", "ignite", "nibabel")
MOST_SECONDS = 0.5  # of CPU time
CODE = f"""
import resource, sys
from ctan_monai.command.main import main
try: status = main(sys.argv[1:])
except SystemExit as error: status = error.code
print(status, [name for name in {SLOW} if name in sys.modules], resource.getrusage(resource.RUSAGE_SELF).ru_utime)
"""


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ([], 0, "usage: ctan-monai COMMAND"),
        (["--help"], 0, "  pack       one zip"),
        (["--version"], 0, "."),
        (["frain"], 2, "error: frain: no such command. Give one of phantom, prepare, train,"),
        (["phantom", "--help"], 0, "usage: ctan-monai phantom "),
        (["phantom", "stoic", "--output", "x", "--patients", "9"], 2, "expected a whole number of at least 10: each"),
        (["phantom", "liver"], 2, "invalid choice: 'liver'"),
        (["prepare", "openkbp", "--help"], 0, "--verify"),
        (["prepare", "openkbp", "--source", "no", "--output", "x"], 2, "error: no: no such file or folder. Give the"),
        (["train", "--help"], 0, "usage: ctan-monai train BUNDLE [CONFIG ...] [--ID VALUE ...]"),
        (["train", "stoic", "--help"], 0, "  --max_epochs 100\n"),
        (["train", "liver"], 2, "error: liver: no such bundle. Give one of ham10000, openkbp, prostate, stoic."),
        (["train", "stoic", "small"], 2, "error: small: no such config file. Give a path, or one of the bundle's: cpu"),
        (["train", "stoic", "--max_epoch", "2"], 2, "has no such id. Did you mean --max_epochs?"),
        (["train", "stoic", "--dataset_dir", "no"], 2, "error: no: no such file or folder. Make prepared data with "),
        (["evaluate", "stoic", "smoke", "--checkpoint=no.pt"], 2, "error: no.pt: no such file or folder. Give the mod"),
        (["predict", "--help"], 0, "usage: ctan-monai predict "),
        (["predict", "no.nii", "out"], 2, "error: checksums.json: no such file. Expected the folder of an unpacked"),
        (["predict", "no.nii", "out", "--bundle", "stoic"], 2, "is of this package. Give the weights with"),
        (["predict", "no.nii", "out", "--bundle", "stoic", "--checkpoint", "w.pt"], 2, "error: --checkpoint w.pt: no"),
        (["predict", "no.nii", "out", "--bundle", "liver", "--checkpoint", "w.pt"], 2, "error: liver: no such bundle."),
        (["compare", "--help"], 0, "usage: ctan-monai compare "),
        (["compare", "--bundle", "stoic", "--dataset_dir", "no", "--output", "x"], 2, "error: no: no such dataset"),
        (["score", "--reference", "no", "--prediction", "."], 2, "error: no: no such "),
        (["pack", "stoic", "--checkpoint", "no.pt", "--output", "x.zip"], 2, "error: no.pt: no such file or folder."),
    ],
)  # fmt: skip
def test_help_and_errors_in_arguments_wait_for_no_library(
    arguments: list[str], status: int, told: str, tmp_path: Path
) -> None:
    done = run_tool("-c", CODE, *arguments, cwd=tmp_path)
    *_, last = done.stdout.splitlines()
    found, rest = last.split(" ", 1)
    imported, seconds = rest.rsplit(" ", 1)
    assert (int(found), imported) == (status, "[]")
    assert told in (done.stdout if status == 0 else done.stderr)
    assert float(seconds) < MOST_SECONDS
    assert not any(tmp_path.iterdir())


def test_the_help_names_every_command() -> None:
    assert module.__doc__ is not None
    for name, target in module.COMMANDS.items():
        assert f"\n  {name:11}" in module.__doc__
        assert callable(importlib.import_module(target).main)


def test_the_tools_are_the_same_commands() -> None:
    for name in ("openkbp_score", "compare_methods", "pack_bundle", "make_phantom", "prepare_data"):
        done = run_tool(f"tools/{name}.py", "--help")
        assert done.stdout.startswith(f"usage: {name}.py"), done.stderr


def test_defaults_are_those_of_the_functions() -> None:
    """They stand twice, so that the arguments need no import of what works with them."""
    import argparse

    for name in phantom.DATASETS:
        assert phantom.DATASETS[name][1] == importlib.import_module(f"ctan_monai.phantoms.{name}")._FEWEST
    given = {}
    for name in prepare.DATASETS:
        parser = argparse.ArgumentParser()
        prepare.add_arguments(name, parser)
        given[name] = parser.parse_args(["--source", "a", "--output", "b"])
    assert (given["stoic"].size, tuple(given["stoic"].spacing)) == (SIZE, SPACING)
    assert (given["prostate"].size, tuple(given["prostate"].spacing)) == (NETWORK_SIZE[0], NETWORK_SPACING)


def test_ids_go_to_monais_own_runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(monai_run.os, "execve", lambda program, command, environment: given.update(command=command))
    mine = tmp_path / "mine.json"
    mine.write_text("{}")
    ids = ["--max_epochs", "2", "--weightings::DWA::temperature", "1", "--window", "[-1000, 200]"]
    assert module.main(["train", "stoic", "smoke", str(mine), *ids]) == 0
    configs = REPOSITORY / "bundles" / "stoic" / "configs"
    files = [str(configs / "train.json"), str(configs / "smoke.json"), str(mine)]
    assert given["command"][2:] == ["-m", "monai.bundle", "run", "training", "--config_file", str(files), *ids]
    assert module.main(["evaluate", "stoic", "smoke"]) == 0
    files[2] = str(configs / "evaluate.json")
    assert given["command"][5:] == ["evaluating", "--config_file", str(files)]


def test_config_files_by_name_or_path(tmp_path: Path) -> None:
    folder = REPOSITORY / "bundles" / "prostate" / "configs"
    assert config_file("prostate", "overfit") == folder / "overfit.json"
    assert config_file("prostate", folder / "cpu.json") == folder / "cpu.json"
    with pytest.raises(
        DataError, match=r"^train: no such config file.* one of the bundle's: cpu, multi_gpu_train, over"
    ):
        config_file("prostate", "train")


def test_a_shipped_network_is_found_by_its_name(tmp_path: Path) -> None:
    image = tmp_path / "ct.nii"
    image.touch()
    arguments = [str(image), "out", "--bundle", "openkbp", "--checkpoint", "ctan_small"]
    options = parse(arguments)
    check(options)
    models = REPOSITORY / "bundles" / "openkbp" / "models"
    assert (options.bundle, options.checkpoint) == (models.parent, models / "ctan_small" / "model.pt")
    with pytest.raises(DataError, match="--sha256: is of a packed bundle"):
        check(parse([*arguments, "--sha256", "0" * 64]))


def test_setup_names_the_command() -> None:
    scripts = (REPOSITORY / "setup.cfg").read_text()
    assert "\n    ctan-monai = ctan_monai.command.main:main\n" in scripts
