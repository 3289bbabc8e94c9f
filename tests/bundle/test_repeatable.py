# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The four bundles as objects that another program drives: run again, exchanged weights, parts set by the program."""

from __future__ import annotations

import json
import shutil
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from ignite.engine import Events
from monai.bundle import ConfigWorkflow, load
from monai.bundle.properties import TrainProperties
from monai.data import DataLoader
from monai.fl.client import MonaiAlgo, MonaiAlgoStats
from monai.fl.utils.constants import ExtraItems, FlStatistics
from monai.fl.utils.exchange_object import ExchangeObject
from support import REPOSITORY

from ctan_monai.data import StatisticsItem
from ctan_monai.handlers import EpochLog

pytestmark = [
    pytest.mark.filterwarnings("ignore:parsing config_file:UserWarning"),  # MONAI says of every config that it is code
    pytest.mark.filterwarnings("ignore:executing the bundle config:UserWarning"),
    pytest.mark.filterwarnings("ignore:`torch.jit.*` is deprecated:DeprecationWarning"),
]
PHANTOMS = {
    "ham10000": "ham10000_phantom", "openkbp": "phantom", "prostate": "prostate_phantom", "stoic": "stoic_phantom"
}  # fmt: skip
NAMES = [pytest.param(name, marks=() if name == "ham10000" else pytest.mark.slow) for name in PHANTOMS]
SMALL = {"backbone": "resnet18_half", "stem": "conv7x7"}
QUICK = {**SMALL, "max_epochs": 1, "steps_per_epoch": 1, "batch_size": 2, "num_workers": 0}


@pytest.fixture(autouse=True)
def _search_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """MonaiAlgo puts the bundle's folder into it, where another test would find a bundle."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture
def data(name: str, request: pytest.FixtureRequest) -> Path:
    """The prepared phantom of a bundle."""
    folder: Path = request.getfixturevalue(PHANTOMS[name])
    return folder


def configs(name: str, *files: str) -> list[str]:
    return [str(REPOSITORY / "bundles" / name / "configs" / f"{file}.json") for file in files]


def training(name: str, data: Path, output: Path, **values: Any) -> ConfigWorkflow:
    values = {"dataset_dir": str(data), "output_dir": str(output), **QUICK, **values}
    return ConfigWorkflow(configs(name, "train", "smoke"), workflow_type="train", logging_file=False, **values)


def evaluation(name: str, data: Path, output: Path) -> ConfigWorkflow:
    values: dict[str, Any] = {"dataset_dir": str(data), "output_dir": str(output), **SMALL, "num_workers": 0}
    files = configs(name, "train", "smoke", "evaluate")
    return ConfigWorkflow(files, workflow_type="train", logging_file=False, **values)


def inference(name: str, source: Path, folder: Path) -> ConfigWorkflow:
    values = {"dataset_dir": str(source), "output_dir": str(folder / "results")}
    values["checkpoint"] = str(folder / "model.pt")
    return ConfigWorkflow(configs(name, "inference"), workflow_type="infer", logging_file=False, **values)


def one_image(name: str, data: Path) -> Path:
    """A file or folder that the bundle's inference takes."""
    case = json.loads((data / "datalist.json").read_text())["test"][0]
    if name == "ham10000":
        return next((data.parent / "release").rglob("*.jpg"))
    return data / (case.get("original", case)["image"])


def saved_weights(workflow: ConfigWorkflow, path: Path) -> dict[str, torch.Tensor]:
    state = {key: value.clone() for key, value in workflow.network_def.state_dict().items()}
    torch.save(state, path)
    return state


def text_of(error: pytest.ExceptionInfo[BaseException]) -> str:
    texts, cause = [], error.value
    while cause is not None:
        texts.append(str(cause))
        cause = cause.__cause__
    return "\n".join(texts)


@pytest.mark.parametrize("name", NAMES)
def test_training_and_inference_run_twice(name: str, data: Path, tmp_path: Path) -> None:
    hook = sys.excepthook
    workflow = training(name, data, tmp_path)
    workflow.initialize()
    weights: list[torch.Tensor] = []
    for epochs in (1, 2):
        workflow.run()
        weights.append(next(workflow.trainer.network.parameters()).detach().clone())
        assert [row["epoch"] for row in EpochLog.read(tmp_path / "training_log.csv")] == list("12")[:epochs]
    assert not torch.equal(*weights)

    source = one_image(name, data)
    workflow = inference(name, source, tmp_path)
    workflow.initialize()
    workflow.run()
    results = tmp_path / "results"
    first = {file.name: file.stat().st_mtime_ns for file in results.iterdir() if file.is_file()}
    workflow.run()
    second = {file.name: file.stat().st_mtime_ns for file in results.iterdir() if file.is_file()}
    assert set(first) == set(second)
    assert all(second[file] > first[file] for file in first)
    assert sys.excepthook is hook

    workflow = inference(name, source, tmp_path)
    workflow.initialize()
    workflow.evaluator.run()  # by the program itself: with the trained weights, too
    trained = torch.load(tmp_path / "model.pt", weights_only=True)
    state = workflow.evaluator.network.state_dict()
    assert all(torch.equal(value, state[key].cpu()) for key, value in trained.items())


@pytest.mark.slow
@pytest.mark.parametrize("name", PHANTOMS)
def test_evaluation_runs_twice_and_gives_metrics(name: str, data: Path, tmp_path: Path) -> None:
    workflow = training(name, data, tmp_path)
    workflow.initialize()
    saved_weights(workflow, tmp_path / "model.pt")
    workflow = evaluation(name, data, tmp_path)
    workflow.initialize()
    path = tmp_path / "evaluation" / "evaluation.json"
    found = []
    for run in (workflow.run, workflow.run, workflow.evaluator.run):
        path.unlink(missing_ok=True)
        run()
        found.append((json.loads(path.read_text())["summary"], dict(workflow.evaluator.state.metrics)))
    assert str(found[0]) == str(found[1]) == str(found[2])
    metrics = found[0][1]
    assert metrics
    assert all(isinstance(value, float) for value in metrics.values())
    if name in ("openkbp", "prostate"):
        means = {key: value["mean"] for key, value in found[0][0]["metrics"].items()}
        assert metrics == {key: value for key, value in means.items() if value is not None}


def average(states: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """As a server takes it: of all entries, whatever their type."""
    return {key: torch.stack([state[key].double() for state in states]).mean(dim=0) for key in states[0]}


@pytest.mark.slow
@pytest.mark.parametrize("name", PHANTOMS)
def test_federated_rounds_use_the_average(name: str, data: Path, tmp_path: Path) -> None:
    def client(site: str, seed: int) -> MonaiAlgo:
        values = {"dataset_dir": str(data), "output_dir": str(tmp_path / site), **QUICK, "seed": seed}
        algo = MonaiAlgo(
            str(REPOSITORY / "bundles" / name),
            send_weight_diff=False,
            config_train_filename=["configs/train.json", "configs/smoke.json"],
            train_kwargs={**values, "resume": True},
            config_evaluate_filename=None,
        )
        algo.initialize({ExtraItems.CLIENT_NAME: site})
        return algo

    began: dict[str, torch.Tensor] = {}

    def train(algo: MonaiAlgo, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        began.clear()
        assert algo.trainer is not None
        with algo.trainer.add_event_handler(
            Events.EPOCH_STARTED,
            lambda engine: began.update({k: v.clone() for k, v in engine.network.state_dict().items()}),
        ):
            algo.train(ExchangeObject(weights=weights))
        assert began
        assert all(torch.equal(value.double(), weights[key].double().to(value.dtype)) for key, value in began.items())
        return {key: value.clone() for key, value in algo.get_weights().weights.items()}

    sites = [client("a", 1), client("b", 2)]
    assert sites[0].trainer is not None
    weights = {key: value.clone() for key, value in sites[0].trainer.network.state_dict().items()}
    for epochs in (1, 2):
        states = [train(algo, weights) for algo in sites]
        assert all(algo.trainer is not None and algo.trainer.state.epoch == epochs for algo in sites)
        assert any(not torch.equal(states[0][key], states[1][key]) for key in weights)
        weights = average(states)
    again = client("b", 2)  # the site's program was started anew: its own checkpoint is there
    train(again, weights)
    assert again.get_weights().statistics[FlStatistics.NUM_EXECUTED_ITERATIONS] == 1
    assert [row["epoch"] for row in EpochLog.read(tmp_path / "b" / "training_log.csv")] == list("123")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # MONAI's DataAnalyzer asks for a GPU and four processes
@pytest.mark.parametrize("name", PHANTOMS)
def test_statistics_of_a_site(name: str, data: Path, tmp_path: Path) -> None:
    item = StatisticsItem("covid" if name == "stoic" else "segmentation")
    workflow = training(name, data, tmp_path)
    algo = MonaiAlgoStats(str(REPOSITORY / "bundles" / name), workflow=workflow, data_stats_transform_list=[item])
    algo.initialize()
    algo.app_root = str(tmp_path)
    extra = {FlStatistics.HIST_BINS: 10, FlStatistics.HIST_RANGE: [-1024, 3071]}
    statistics = algo.get_data_stats(extra).statistics
    for part, cases in (("train", workflow.train_dataset_data), ("eval", workflow.val_dataset_data)):
        assert statistics[part][FlStatistics.DATA_COUNT] == len(cases)
        assert statistics[part][FlStatistics.FAIL_COUNT] == 0
        assert statistics[part][FlStatistics.DATA_STATS]["image_stats"]["intensity"]


@pytest.mark.parametrize("name", NAMES)
def test_a_network_without_data_folder_or_host(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MONAI's own load, of both types, from a folder that cannot be written."""
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: pytest.fail("a download was tried"))
    root = tmp_path / name
    shutil.copytree(REPOSITORY / "bundles" / name / "configs", root / "configs")
    (root / "configs" / "logging.conf").unlink()
    (root / "models").mkdir()
    workflow = ConfigWorkflow(str(root / "configs" / "train.json"), logging_file=False, **SMALL)
    workflow.initialize()
    state = saved_weights(workflow, root / "models" / "model.pt")
    folders = [root, root / "configs", root / "models"]
    before = {path: path.stat().st_mtime_ns for path in folders}
    for path in folders:
        path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        for kind in ("train", "inference"):
            network = load(
                name, bundle_dir=str(tmp_path), workflow_type=kind, source="monaihosting", net_override=SMALL
            )
            assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    finally:
        for path in folders:
            path.chmod(stat.S_IRWXU)
    assert {path: path.stat().st_mtime_ns for path in folders} == before


@pytest.mark.parametrize("name", NAMES)
def test_properties_set_to_objects(name: str, data: Path, tmp_path: Path) -> None:
    """Each in turn is what the next workflow has, and with the data and the network of the program it trains."""
    own = training(name, data, tmp_path / "own")
    own.initialize()
    objects = {key: getattr(own, key) for key in TrainProperties if getattr(own, key) is not None}
    assert {"device", "network_def", "train_dataset", "trainer", "evaluator", "val_handlers"} <= set(objects)
    workflow = training(name, data, tmp_path / "other")
    for key, value in objects.items():
        workflow = training(name, data, tmp_path / "other")
        workflow.initialize()
        setattr(workflow, key, value)
        workflow.initialize()
        found = getattr(workflow, key)
        assert found is value or found == value, key

    workflow = training(name, data, tmp_path / "other")
    workflow.initialize()
    for key in ("device", "network_def", "train_dataset", "train_inferer", "val_dataset"):
        setattr(workflow, key, objects[key])
        workflow.initialize()
    workflow.max_epochs = 2
    workflow.initialize()
    assert workflow.parser.get_parsed_content("lr_scheduler").T_max == 2
    workflow.run()
    assert workflow.trainer.network is objects["network_def"]
    assert workflow.trainer.state.epoch == 2


def test_a_plain_loader_trains(ham10000_phantom: Path, tmp_path: Path) -> None:
    workflow = training("ham10000", ham10000_phantom, tmp_path)
    workflow.initialize()
    loader = DataLoader(workflow.train_dataset, batch_size=2, num_workers=0)
    workflow.parser["train::dataloader"] = loader
    workflow.initialize()
    workflow.run()
    assert workflow.trainer.data_loader is loader
    assert workflow.trainer.state.iteration == len(loader)


def test_yaml_and_another_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = REPOSITORY / "bundles" / "ham10000" / "configs"
    folder = tmp_path / "bundle" / "configs"
    folder.mkdir(parents=True)
    for name in ("train", "inference", "metadata"):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(json.loads((source / f"{name}.json").read_text())))
    for where, suffix in ((folder, "yaml"), (source, "json")):
        monkeypatch.chdir(where)
        for name in ("train", "inference"):
            workflow = ConfigWorkflow(f"{name}.{suffix}", f"metadata.{suffix}", logging_file=False, **SMALL)
            workflow.initialize()
            assert Path(workflow.bundle_root).resolve() == where.parent
            assert isinstance(workflow.network_def, torch.nn.Module)
        workflow = ConfigWorkflow(f"train.{suffix}", f"metadata.{suffix}", logging_file=False, methood="MTAN")
        with pytest.raises(RuntimeError) as error:
            workflow.initialize()
        assert "did you mean 'method'" in text_of(error)


def test_images_without_a_name(ham10000_phantom: Path, tmp_path: Path) -> None:
    workflow = training("ham10000", ham10000_phantom, tmp_path)
    workflow.initialize()
    saved_weights(workflow, tmp_path / "model.pt")
    workflow = inference("ham10000", one_image("ham10000", ham10000_phantom), tmp_path)
    workflow.initialize()
    workflow.dataset_data = [{"image": str(one_image("ham10000", ham10000_phantom))}]
    workflow.initialize()
    with pytest.raises((RuntimeError, ValueError)) as error:
        workflow.run()
    assert "'case_id', the name of its results" in text_of(error)


def test_options_of_the_config(ham10000_phantom: Path, tmp_path: Path) -> None:
    """start_from, by which ImageNet's weights are not asked for, and accumulation_steps; as a command line gives it."""
    first = training("ham10000", ham10000_phantom, tmp_path / "first")
    first.initialize()
    given = saved_weights(first, tmp_path / "model.pt")
    options = {"start_from": str(tmp_path / "model.pt"), "accumulation_steps": "2", "pretrained": True}
    workflow = training("ham10000", ham10000_phantom, tmp_path / "run", steps_per_epoch=2, **options)
    workflow.initialize()
    began: dict[str, torch.Tensor] = {}
    workflow.trainer.add_event_handler(
        Events.EPOCH_STARTED,
        lambda engine: began.update({k: v.clone() for k, v in engine.network.state_dict().items()}),
    )
    workflow.run()
    record = json.loads((tmp_path / "run" / "training.json").read_text())
    assert all(torch.equal(value, given[key]) for key, value in began.items())
    assert record["values"]["start_from"] == "model.pt"
    assert len(record["start_from_sha256"]) == 64
    steps = workflow.trainer.optimizer.state_dict()["state"][0]["step"]
    assert (workflow.trainer.state.iteration, int(steps)) == (2, 1)
    assert record["values"]["accumulation_steps"] == 2
