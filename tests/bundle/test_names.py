# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Whatever a user or a file names is data: no parser of configs or command lines runs it, looks it up or changes it."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fire
import nibabel as nib
import numpy as np
import pytest
from monai.bundle import ConfigParser, ConfigWorkflow
from PIL import Image
from support import ODD_NAMES, REPOSITORY, run_tool

from ctan_monai.bundle import TrainingSetting, read_inference_chains
from ctan_monai.bundle.command_paths import refuse_changed_paths
from ctan_monai.bundle.data_values import as_argument, as_data, code_in
from ctan_monai.data.preparation.case_folder import write_nifti
from ctan_monai.dicom import write_ct_series
from ctan_monai.inference import find_images, find_inputs
from ctan_monai.packing import predict
from ctan_monai.packing.checksums import write_checksums
from ctan_monai.packing.pack import pack_bundle
from ctan_monai.packing.packed_configs import packed_config, read_record
from ctan_monai.packing.texts import evaluation_summary
from ctan_monai.packing.wheel import build_wheel
from ctan_monai.transforms import LoadImageCTd
from ctan_monai.transforms.read_targets import read_targets
from ctan_monai.utils.errors import DataError

BUNDLE = REPOSITORY / "bundles" / "openkbp"
SMALL = BUNDLE / "models" / "ctan_small"
CODE = ("$__import__('os')._exit(3)", "@network", "%train.json", ["a", ["$x"]], {"a": {"_target_": "os.abort"}})


def parsed(value: Any) -> list[Any]:
    """What a config gets: the value itself, by reference, in a list, and within an expression."""
    config = {"bundle_root": "elsewhere", "all": ["@value", "$[@value]", {"path": "@value"}], "value": value}
    parser = ConfigParser(config)
    whole, (listed,), mapping = parser.get_parsed_content("all")
    return [whole, listed, mapping["path"], parser.get_parsed_content("value")]


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("kind", [str, Path, lambda name: [name, "plain"]], ids=["text", "path", "list"])
def test_a_config_gets_the_name_as_it_is(name: str, kind: Any) -> None:
    expected = str(kind(name)) if kind is not str and isinstance(kind(name), Path) else kind(name)
    assert parsed(as_data(kind(name))) == [expected] * 4


def test_what_needs_no_change_is_not_changed() -> None:
    values = {"a": 1, "b": ["x", 2.5, None, True], "c": {"d": "resnet18"}, "e": "/data/openkbp"}
    assert as_data(values) == values
    assert [as_argument(value) for value in (5, False, "resnet18", "torch.optim.AdamW", "/data/a b")] == [
        "5", "False", "resnet18", "torch.optim.AdamW", "/data/a b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "value", [*ODD_NAMES, *(f"/data/{name}" for name in ODD_NAMES), 5, True, 1e-5, [[3, 4]], ["a#b"]]
)
def test_a_bundles_command_line_gets_the_value_as_it_is(value: Any) -> None:
    """python-fire reads the arguments, then MONAI's parser the values."""
    found = fire.Fire(lambda **given: given, command=["--before", "1", "--value", as_argument(value), "--after", "2"])
    assert found.keys() == {"before", "value", "after"}
    assert parsed(found["value"]) == [value] * 4


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle that writes what it was given, in the working directory of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    root = tmp_path / "bundle"
    (root / "configs").mkdir(parents=True)
    config = {
        "imports": ["$import json", "$import pathlib", "$import ctan_monai"],
        "bundle_root": ".",
        "dataset_dir": "",
        "output_dir": "",
        "device": "$None",
        "windows": [[0, 1]],
        "arguments": {"a": 1},
        "results": {
            "_target_": "types.SimpleNamespace",
            "cases": ["case"],
            "left_out": [],
            "unusable": [],
            "incomplete": [],
        },
        "given": ["@bundle_root", "@dataset_dir", "@output_dir", "@windows"],
        "initialize": [
            "$ctan_monai.bundle.check_overrides(@bundle_root, 'inference.json')",
            "$ctan_monai.utils.prepare_output_dir(@output_dir)",
        ],
        "run": "$pathlib.Path(@output_dir + '/case_report.json').write_text(json.dumps({'given': @given}))",
    }
    (root / "configs" / "inference.json").write_text(json.dumps(config))
    (root / "configs" / "metadata.json").write_text(json.dumps({"bundle_name": "stub"}))
    write_checksums(root)
    return root


@pytest.mark.parametrize("name", ODD_NAMES)
def test_predict_takes_any_name(stub: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Of INPUT, RESULTS and the bundle's folder, relative ones: nothing stands before the first character."""
    stub.rename(name)
    source, results = f"{name}.in", f"{name}.out"
    Path(source).touch()
    assert predict.main(["--device", "cpu", f"--bundle={name}", "--", source, results]) == 0, capsys.readouterr().err
    report = json.loads(Path(results, "case_report.json").read_text())
    assert report["given"] == [name, source, results, [[0, 1]]]
    assert sorted(path.name for path in Path().iterdir()) == sorted([name, source, results])
    assert f"Results are in {results}." in capsys.readouterr().out


@pytest.mark.parametrize("table", ["", "case_id,diagnosis\nphotograph,nv\n"], ids=["none", "of photographs"])
def test_a_case_without_its_report_is_not_done(stub: Path, capsys: pytest.CaptureFixture[str], table: str) -> None:
    config = json.loads((stub / "configs" / "inference.json").read_text())
    config["results"]["cases"] = ["case", "other"]
    (stub / "configs" / "inference.json").write_text(json.dumps(config))
    write_checksums(stub)
    if table:
        Path("out").mkdir()
        Path("out", "predictions.csv").write_text(table)
    assert predict.main(["--bundle", "bundle", "bundle", "out"]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("case: no warning")
    assert err == "error: out: has no report on other: do not use their results.\n"


@pytest.mark.parametrize(
    "pair",
    [
        "windows=$__import__('os')._exit(3)",
        'windows=["$__import__(\\"os\\")._exit(3)"]',
        'windows=[[{"a": "@given"}]]',
        "windows=%bundle/configs/inference.json",
        'windows={"_target_": "os.abort"}',
        'windows={"_requires_": []}',
        'windows={"a::_target_": "os.abort"}',
        "results::_target_=os.abort",
        "results#_target_=os.abort",
        "_meta_=1",
    ],
)
def test_code_in_a_set_value_is_refused_by_name(stub: Path, pair: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict.main(["--bundle", "bundle", "bundle", "out", "--set", pair]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: --set {pair}: ") and "is code to MONAI" in error
    assert not Path("out").exists()


@pytest.mark.parametrize(
    "pair", ["logging_file=x.conf", "tracking=x.json", "window=1", "arguments::b::c=1", "windows::9::0=1"]
)
def test_an_id_that_the_config_lacks_is_refused_by_name(
    stub: Path, pair: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also what MONAI's workflow itself takes: a file for ``logging_file`` runs as code."""
    assert predict.main(["--bundle", "bundle", "bundle", "out", "--set", pair]) == 2
    assert pair.partition("=")[0] in capsys.readouterr().err
    assert not Path("out").exists()


def test_set_values_arrive(stub: Path) -> None:
    assert predict.main(["--bundle", "bundle", "bundle", "out", "--set", 'windows=["a #1", {"b": 2}]']) == 0
    assert json.loads(Path("out", "case_report.json").read_text())["given"][3] == ["a #1", {"b": 2}]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_tools_on_a_training_take_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """tools/benchmark.py, tools/show_attention.py and the plan of tools/compare_methods.py read a training so."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    root = tmp_path / name
    (root / "configs").mkdir(parents=True)
    config = {
        "seed": 0,
        "bundle_root": "",
        "dataset_dir": "",
        "output_dir": "",
        "train": {"trainer": "$[@bundle_root, @dataset_dir]", "dataloader": "$@output_dir + '/x'"},
    }
    (root / "configs" / "train.json").write_text(json.dumps(config))
    setting = TrainingSetting(root, [], {"dataset_dir": name})
    assert setting.trainer == [str(root), name]
    assert setting.loader.startswith(str(tmp_path))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_evaluation_takes_inferences_chains_from_a_bundle_of_any_name(tmp_path: Path, name: str) -> None:
    config = {"bundle_root": "", "preprocessing": "@bundle_root", "postprocessing": "$@bundle_root"}
    root = tmp_path / name
    (root / "configs").mkdir(parents=True)
    (root / "configs" / "inference.json").write_text(json.dumps(config))
    assert read_inference_chains(root) == {"preprocessing": str(root), "postprocessing": str(root)}


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.filterwarnings("ignore:parsing config_file:UserWarning")
def test_a_workflow_of_ones_own_takes_any_path(stub: Path, name: str) -> None:
    workflow = ConfigWorkflow(config_file=str(stub / "configs" / "inference.json"), logging_file=False)
    workflow.parser["dataset_dir"] = Path(name)
    workflow.parser["bundle_root"], workflow.parser["output_dir"] = stub, "out"
    workflow.initialize()
    assert workflow.parser.get_parsed_content("dataset_dir") == name


@pytest.mark.filterwarnings("ignore:parsing config_file:UserWarning")
def test_a_bundles_run_turns_the_logs_of_libraries_off(stub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pydicom writes a line for each odd value of each slice, see tests/utils/test_quiet.py."""
    logger = logging.getLogger("pydicom")
    monkeypatch.setattr(logger, "level", logging.WARNING)
    workflow = ConfigWorkflow(config_file=str(stub / "configs" / "inference.json"), logging_file=False)
    workflow.parser["bundle_root"], workflow.parser["output_dir"] = stub, "out"
    assert logger.level == logging.WARNING
    workflow.initialize()
    assert logger.level == logging.CRITICAL


@pytest.fixture
def tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The relative folder "~", in a working directory beside a home in which everything lies under the same name."""
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    (tmp_path / "work" / "~").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    home.mkdir()
    for folder, value in ((home, 1), (Path("~"), 2)):
        image = nib.Nifti1Image(np.full((4, 4, 4), value * 20, np.int16), np.diag([-1.0, -1, 1, 1]))
        for file in ("ct.nii.gz", "targets.nii.gz"):
            nib.save(image, (folder / file).absolute())
        Image.new("RGB", (4, 4), (value, value, value)).save(folder / "a.png")
        write_ct_series(folder / "CT", np.full((4, 4, 4), value * 20.0), np.diag([-1.0, -1, 1, 1]))
    return Path("~")


def test_no_reader_takes_a_tilde_for_a_home_folder(tilde: Path) -> None:
    """The home folder's images have the value 1 or 20, those of the folder that is called so 2 or 40."""
    for name in ("ct.nii.gz", "CT"):
        (item,) = find_inputs(tilde / name)
        assert item["image"] == f"~/{name}"
        image = LoadImageCTd("image")(item)["image"]
        assert image.unique().tolist() == [40] and image.meta["filename_or_obj"] == f"~/{name}"
    (target,) = read_targets(tilde / "targets.nii.gz", tilde / "ct.nii.gz")
    assert np.unique(target.array).tolist() == [40]
    (photo,) = find_images(tilde)
    config = json.loads((REPOSITORY / "bundles" / "ham10000" / "configs" / "inference.json").read_text())
    load = ConfigParser({**config, "load": config["preprocessing"]["transforms"][0]}).get_parsed_content("load")
    assert load(photo)["image"].unique().tolist() == [2]
    write_nifti(tilde / "new.nii", np.zeros((2, 2, 2)), np.eye(4))
    assert Path("~", "new.nii").is_file()


@pytest.mark.slow
def test_the_wheel_is_built_into_a_folder_of_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "a;b [c] #1"))
    (tmp_path / "a;b [c] #1").mkdir()
    build_wheel(REPOSITORY, Path("~", "wheels"))
    assert [path.suffix for path in (tmp_path / "~" / "wheels").iterdir()] == [".whl"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset_dir", "scan#2"], "--dataset_dir scan#2: MONAI's command line cannot take a name with '#'"),
        (["--output-dir=out #3"], "--output_dir out #3: "),
        (["--checkpoint", "/data/a#1/model.pt"], "--checkpoint /data/a#1/model.pt: "),
        (["--dataset_dir", "a@::b"], "--dataset_dir a@::b: MONAI's command line cannot take a name with '@::'"),
        (
            ["--dataset_dir", "'quoted'"],
            "--dataset_dir 'quoted': MONAI's command line reads this name as 'quoted'. Give it as './'quoted''",
        ),
        (["--dataset_dir", "12345"], "--dataset_dir 12345: MONAI's command line reads this name as 12345."),
        (["--dataset_dir", "'12345'", "--output_dir", "'quoted' as well"], None),
        (
            ["--dataset_dir", "$in"],
            "--dataset_dir $in: MONAI's command line takes this name for code. Give it as './$in'",
        ),
        (["--dataset_dir", "./$in", "--net#channels", "1", "--output_dir", "$@bundle_root + '/x'"], None),
        (["--dataset_dir", as_argument("scan#2")], None),
    ],
)
def test_monais_own_command_line_refuses_what_it_would_change(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: list[str], message: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("$in", "'quoted'", "12345"):
        Path(folder).mkdir()
    monkeypatch.setattr(sys, "argv", ["monai", "run", "training", *arguments])
    refuse_changed_paths()  # another program's arguments
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", SimpleNamespace(name="monai.bundle.__main__"))
    if message is None:
        refuse_changed_paths()
    else:
        with pytest.raises(DataError) as caught:
            refuse_changed_paths()
        assert str(caught.value).startswith(message)


@pytest.mark.slow
def test_it_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    """ "scan#2" is "scan" to python-fire: another patient's folder."""
    for name in ("scan", "scan#2"):
        (tmp_path / name).mkdir()
    arguments = ["--config_file", str(BUNDLE / "configs" / "inference.json"), "--dataset_dir", "scan#2"]
    result = run_tool("-m", "monai.bundle", "run", "inferring", *arguments, "--output_dir", "out", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("error: --dataset_dir scan#2: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", CODE)
def test_code_in_a_value_is_found(value: Any) -> None:
    assert code_in(value) is not None
    assert code_in({"a": [1, value]}) is not None


@pytest.mark.parametrize("value", [1, None, "resnet18", "50 % of it", "a@b", "US$", "#1", {"a": ["b", {"c": 2}]}])
def test_plain_data_is_no_code(value: Any) -> None:
    assert code_in(value) is None


def tampered(folder: Path, part: str, name: str, value: Any) -> Path:
    """A folder with the small network's record, in which one value is another one."""
    record = json.loads((SMALL / "training.json").read_text())
    assert code_in(record["data"]) is None
    (record[part] if part else record)[name] = value
    (folder / "training.json").write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize("value", CODE)
@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("values", "backbone"),
        ("values", "windows"),
        ("values", "network_def::_target_"),
        ("values", "optimizer::_target_"),
        ("data", "name"),
        ("data", "statistics"),
        ("config", "method"),
        ("libraries", "torch"),
        ("", "commit"),
        ("", "parameters"),
    ],
)
def test_a_record_with_code_is_refused_by_file_id_and_value(tmp_path: Path, part: str, name: str, value: Any) -> None:
    with pytest.raises(DataError) as caught:
        read_record(tampered(tmp_path, part, name, value))
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'training.json'}: the value of '{part}{': ' if part else ''}{name}")
    assert (repr(value) if isinstance(value, str) else repr("$x" if isinstance(value, list) else "_target_")) in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("network_def::_target_", "torch.hub.load"),
        ("network_def::_target_", "ctan_monai.networks.weights.load"),
        ("optimizer::_target_", "os.execl"),
        ("network_def::_mode_", "debug"),
        ("network_def::_requires_", "x"),
        ("train::trainer::_target_", "os.abort"),
        ("_meta_", "x"),
        ("network_def", {"_target_": "os.abort"}),
    ],
)
def test_a_record_that_names_another_component_is_refused(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(DataError, match=f"training.json: the value of 'values: {name}' has "):
        read_record(tampered(tmp_path, "values", name, value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("optimizer::_target_", "torch.optim.SGD"),
        ("optimizer::_target_", "monai.optimizers.Novograd"),
        ("size", [1, 2]),
    ],
)
def test_a_record_of_a_training_is_taken(tmp_path: Path, name: str, value: Any) -> None:
    record = read_record(tampered(tmp_path, "values", name, value))
    assert record["values"][name] == value


def test_places_of_another_machine_are_not_packed() -> None:
    record = json.loads((SMALL / "training.json").read_text())
    record["values"] |= {"checkpoint": "elsewhere.pt", "backbone": "a #1"}
    config = packed_config(BUNDLE / "configs" / "inference.json", record)
    assert config["checkpoint"] == "$@bundle_root + '/models/model.pt'"
    assert parsed(config["backbone"])[0] == "a #1"


def test_nothing_of_a_record_runs_while_packing(tmp_path: Path) -> None:
    folder = tampered(tmp_path, "values", "backbone", f"$open({str(tmp_path / 'ran')!r}, 'w').name")
    with pytest.raises(DataError, match="the value of 'values: backbone' has "):
        pack_bundle(BUNDLE, SMALL / "model.pt", tmp_path / "x.zip", folder, formats=())
    assert [path.name for path in tmp_path.iterdir()] == ["training.json"]


def test_code_in_an_evaluation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evaluation" / "evaluation.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"summary": {"patients": 3, "metrics": {"dice": {"mean": 0.5}}}}))
    assert evaluation_summary(tmp_path)["patients"] == 3
    path.write_text(json.dumps({"summary": {"patients": "$import evil"}}))
    with pytest.raises(DataError) as caught:
        evaluation_summary(tmp_path)
    assert str(caught.value).startswith(f"{path}: the value of 'summary: patients' has '$import evil'")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("name", ODD_NAMES)
def test_make_predict_takes_any_name(tmp_path: Path, name: str) -> None:
    """Neither make nor the shell expands a path, given to make or in the environment.

    The program in this is one that writes its arguments.
    """
    program = tmp_path / "ctan-monai-predict"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    (tmp_path / "packed" / "openkbp").mkdir(parents=True)
    (tmp_path / name).touch()
    # --no-print-directory: these tests may run under "make -C", which hands its flags on
    command = ["make", "-s", "--no-print-directory", "-f", str(REPOSITORY / "Makefile")]
    command += ["-o", "install", "-o", "packed/openkbp", "predict"]
    places = {"CT": name, "RESULTS": f"{name} out", "TARGETS": f"{name} masks"}
    values = ["BIN=.", "PACKED=packed", "ARGS=--dicom"]
    expected = ["--bundle", "packed/openkbp", f"--targets={name} masks", "--dicom", "--", name, f"{name} out"]
    given = [f"{key}={value}" for key, value in places.items()]
    for arguments, environment in ((given, {}), ([], places)):
        variables = {**os.environ, **environment}
        whole = [*command, *values, *arguments]
        done = subprocess.run(whole, cwd=tmp_path, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == expected
