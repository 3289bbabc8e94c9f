# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Each mistake gives one clear error, before training starts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from monai.bundle import create_workflow
from support import run_tool

from ctan_monai.bundle import load_weights, select_tasks
from ctan_monai.networks import CTAN, HPS
from ctan_monai.utils import prepare_output_dir, write_atomic

REPOSITORY = Path(__file__).resolve().parents[2]
CONFIGS = REPOSITORY / "bundles" / "openkbp" / "configs"
# MONAI says of every config, also of one's own, that it is code
pytestmark = pytest.mark.filterwarnings("ignore:parsing config_file:UserWarning")
TASKS = {"segmentation": {"level": "pixel", "out_channels": 5}, "dose": {"level": "pixel", "out_channels": 1}}


def start(output: Path, *files: str, bundle: str = "openkbp", **overrides: object) -> None:
    """Build the trainer of the bundle, as a run does before its first batch."""
    names = [str(REPOSITORY / "bundles" / bundle / "configs" / f"{f}.json") for f in ("train", "smoke", *files)]
    workflow = create_workflow(
        config_file=names, workflow_type="train", logging_file=False, output_dir=str(output), **overrides
    )
    _ = workflow.trainer


def message(error: pytest.ExceptionInfo[BaseException]) -> str:
    """The text of an error and of all its causes, which MONAI's runner prints together."""
    texts, cause = [], error.value
    while cause is not None:
        texts.append(str(cause))
        cause = cause.__cause__
    return "\n".join(texts)


def test_a_mistyped_override(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        start(tmp_path, learnig_rate=0.1)
    assert "'learnig_rate' (did you mean 'learning_rate'?)" in message(error)


def test_the_command_line_ends_with_the_cause(tmp_path: Path) -> None:
    result = run_tool(
        "-m", "monai.bundle", "run", "training", "--config_file", "bundles/openkbp/configs/train.json",
        "--dataset_dir", str(tmp_path / "none"), "--output_dir", str(tmp_path), "--pretrained", "False",
    )  # fmt: skip
    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith(f"error: {tmp_path / 'none'}: no such dataset folder")
    assert "ctan-monai prepare" in last


def test_a_mistyped_override_inside_a_dictionary(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        start(tmp_path, **{"validate::secton": "test"})
    assert "did you mean 'validate::section'" in message(error)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"gradient_interval": 50}, "'gradient_interval': give --diagnostics True; the interval is train::named_"),
        ({"severity_of": "all"}, "'severity_of': severity counts among COVID-positive patients"),
        ({"settings": {}}, "'settings': the records hold all plain values"),
        ({"comparison": {}}, "'comparison': the metrics of a comparison stand in ctan_monai/metrics/compared.py"),
        ({"weighting": {"_target_": "my.Weighting"}}, "'weighting' is a name, one of DWA, uncertainty, equal: put a"),
    ],
)
def test_an_id_of_an_earlier_version_is_refused_with_the_new_one(tmp_path: Path, overrides: dict, words: str) -> None:
    with pytest.raises(RuntimeError) as error:
        start(tmp_path, **overrides)
    assert words in message(error)


@pytest.mark.parametrize(("ids", "known"), [({"method": "ctan"}, "MTAN, CTAN"), ({"weighting": "dwa"}, "DWA, unc")])
def test_an_unknown_method_or_weighting(phantom: Path, tmp_path: Path, ids: dict, known: str) -> None:
    with pytest.raises(RuntimeError) as error:
        start(tmp_path, dataset_dir=str(phantom), **ids)
    assert known in message(error)


def test_a_weighting_and_a_handler_of_ones_own(phantom: Path, tmp_path: Path) -> None:
    """And a network by its class, as before there were methods."""
    own = {
        "weighting": "own",
        "+weightings": {"own": {"_target_": "ctan_monai.handlers.EqualWeights", "_mode_": "callable"}},
        "+train::named_handlers": {"mine": {"_target_": "ctan_monai.handlers.Progress", "description": "mine"}},
        "network_def::_target_": "ctan_monai.networks.HPS",
    }
    (tmp_path / "own.json").write_text(json.dumps(own))
    workflow = create_workflow(
        config_file=[str(CONFIGS / "train.json"), str(CONFIGS / "smoke.json"), str(tmp_path / "own.json")],
        workflow_type="train", logging_file=False, output_dir=str(tmp_path / "out"), dataset_dir=str(phantom),
    )  # fmt: skip
    group = workflow.parser.get_parsed_content("train::handlers")[0]
    assert type(group.handlers["weighting"]).__name__ == "EqualWeights"
    assert list(group.handlers)[-1] == "mine"
    assert type(workflow.trainer.network).__name__ == "HPS"


@pytest.mark.parametrize("what", ["missing", "empty"])
def test_missing_or_empty_dataset_folder(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "data"
    if what == "empty":
        folder.mkdir()
    with pytest.raises(RuntimeError) as error:
        start(tmp_path / "out", dataset_dir=str(folder))
    assert str(folder) in message(error)
    assert "ctan-monai prepare" in message(error)


def test_empty_data_list(tmp_path: Path) -> None:
    (tmp_path / "datalist.json").write_text(json.dumps({"training": [], "validation": [], "test": []}))
    with pytest.raises(RuntimeError) as error:
        start(tmp_path / "out", dataset_dir=str(tmp_path))
    assert "section 'training' lists no case" in message(error)


def test_a_task_that_the_labels_lack(phantom: Path, tmp_path: Path) -> None:
    datalist = json.loads((phantom / "datalist.json").read_text())
    copy = tmp_path / "data"
    shutil.copytree(phantom, copy)
    for section in ("training", "validation", "test"):
        for case in datalist[section]:
            del case["dose"]
    (copy / "datalist.json").write_text(json.dumps(datalist))
    with pytest.raises(RuntimeError) as error:
        start(tmp_path / "out", dataset_dir=str(copy))
    assert "no case of section 'training' has labels for the task 'dose'" in message(error)


def test_an_unknown_backbone(phantom: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        start(tmp_path, dataset_dir=str(phantom), backbone="resnet20")
    assert "resnet20" in message(error)
    assert "resnet18, resnet34, resnet50, resnet101" in message(error)


def test_an_unknown_task(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown tasks \['covid'\]: this bundle has \['dose', 'segmentation'\]"):
        select_tasks(TASKS, ["covid"])


def test_wrong_number_of_channels() -> None:
    network = CTAN(2, 3, TASKS, "resnet18", "conv7x7")
    with pytest.raises(ValueError, match="1 channels, expected 3"):
        network(torch.zeros(2, 1, 64, 64))


def test_a_checkpoint_of_another_method_or_task_set(tmp_path: Path) -> None:
    network = HPS(2, 3, TASKS, "resnet18", "conv7x7")
    torch.save(network.state_dict(), tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"model\.pt' does not fit the network of this config \(CTAN\).*--method MTAN"):
        load_weights(CTAN(2, 3, TASKS, "resnet18", "conv7x7"), tmp_path / "model.pt")
    one = {"dose": TASKS["dose"]}
    with pytest.raises(ValueError, match="does not fit"):
        load_weights(HPS(2, 3, one, "resnet18", "conv7x7"), tmp_path / "model.pt")


def test_a_file_that_is_no_checkpoint(tmp_path: Path) -> None:
    network = HPS(2, 3, TASKS, "resnet18", "conv7x7")
    (tmp_path / "model.pt").write_text("hello")
    with pytest.raises(ValueError, match=r"model\.pt' is not a file of PyTorch weights"):
        load_weights(network, tmp_path / "model.pt")
    with pytest.raises(FileNotFoundError, match="train first"):
        load_weights(network, tmp_path / "none.pt")


def test_an_output_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="choose another one with --output_dir"):
        prepare_output_dir(tmp_path / "file" / "out")


def test_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"MB free, and about 1000000000000 MB are needed"):
        prepare_output_dir(tmp_path, needed_mb=1e12)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, "old")

    def fail(stream: object) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomic(path, fail)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("written", [False, True])
def test_an_output_folder_that_stayed_empty_is_removed(tmp_path: Path, written: bool) -> None:
    folder = tmp_path / "new"
    prepare = "from ctan_monai.utils.files import prepare_output_dir as prepare; "
    script = f"folder = prepare({str(folder)!r}); {written} and (folder / 'x').touch()"
    assert run_tool("-c", prepare + script).returncode == 0
    assert folder.exists() is written
    before = tmp_path / "before"
    before.mkdir()
    assert run_tool("-c", f"{prepare}prepare({str(before)!r})").returncode == 0
    assert before.exists(), "the user's own folder stays"


def test_data_prepared_at_another_size(ham10000_phantom: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        start(tmp_path, bundle="ham10000", dataset_dir=str(ham10000_phantom), size=[64, 64])
    assert "the images were prepared at [96, 128], the config's size is [64, 64]" in message(error)


def test_no_prepared_data(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        start(tmp_path / "out", bundle="ham10000", dataset_dir=str(tmp_path / "none"))
    assert "no such dataset folder" in message(error)


def test_inference_on_a_folder_without_images(tmp_path: Path) -> None:
    workflow = create_workflow(
        config_file=str(REPOSITORY / "bundles/ham10000/configs" / "inference.json"),
        workflow_type="inference",
        logging_file=False,
        dataset_dir=str(tmp_path),
        output_dir=str(tmp_path),
        initialize=[],
        backbone="resnet18",
        stem="conv7x7",
    )
    with pytest.raises(RuntimeError) as error:
        _ = workflow.dataset
    assert "holds no image" in message(error)


def test_data_prepared_on_another_grid(prostate_phantom: Path, tmp_path: Path) -> None:
    result = run_tool(
        "-m", "monai.bundle", "run", "training", "--config_file", "bundles/prostate/configs/train.json",
        "--pretrained", "False",
        "--dataset_dir", str(prostate_phantom), "--output_dir", str(tmp_path), "--roi_size", "[128,128]",
        "--backbone", "resnet18", "--stem", "conv7x7",
    )  # fmt: skip
    assert result.returncode != 0
    assert "was prepared on the grid" in result.stderr.strip().splitlines()[-1]
