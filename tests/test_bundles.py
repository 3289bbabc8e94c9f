# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Rules that every bundle keeps."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
from monai.bundle import ConfigParser, create_workflow, verify_metadata

from ctan_monai.metrics import comparison_metrics
from ctan_monai.networks import METHODS

REPOSITORY = Path(__file__).resolve().parents[1]
BUNDLES = sorted(p.name for p in (REPOSITORY / "bundles").iterdir() if (p / "configs").is_dir())
COMPLETE = ("train.json", "inference.json")
# MONAI says of every config, also of one's own, that it is code
pytestmark = [
    pytest.mark.filterwarnings("ignore:parsing config_file:UserWarning"),
    pytest.mark.filterwarnings("ignore:NvImgCodecPydicomReader:UserWarning"),
]
NO_CONFIG = ("metadata.json", "training_ranges.json")
# by bundle: the fixture of its prepared phantom, the values that fit it, and what inference may be given (relative to
# the folder above the prepared data)
PHANTOMS: dict[str, tuple[str, dict[str, Any], str]] = {
    "openkbp": ("phantom", {}, "prepared/test/*/ct.nii"),
    "ham10000": ("ham10000_phantom", {"size": [96, 128]}, "release/*/*.jpg"),
    "prostate": ("prostate_phantom", {}, "prepared/*/*/ct.nii"),
    "stoic": ("stoic_phantom", {"image_size": [96, 96], "spacing": [3.6, 3.6, 5.0]}, "*/volumes/*.nii"),
}


def configs(bundle: str) -> dict[str, dict[str, Any]]:
    folder = REPOSITORY / "bundles" / bundle / "configs"
    return {p.name: json.loads(p.read_text()) for p in sorted(folder.glob("*.json")) if p.name not in NO_CONFIG}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def targets(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (v for k, v in value.items() if k == "_target_")
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from targets(item)


@pytest.fixture(params=BUNDLES)
def bundle(request: pytest.FixtureRequest) -> str:
    return request.param


def test_the_papers_settings_are_the_default(bundle: str) -> None:
    """Table 1; and each part of a trained network is tested, but for the quick looks. The small runs have AdamW."""
    found = configs(bundle)
    train = found["train.json"]
    assert train["optimizer"]["_target_"] == "torch.optim.Adam"
    assert (train["optimizer"]["lr"], train["optimizer"]["weight_decay"]) == ("@learning_rate", "@weight_decay")
    assert (train["learning_rate"], train["weight_decay"], train["weighting"]) == (1e-4, 1e-5, "DWA")
    assert train["batch_size"] == (32 if bundle == "prostate" else 8)
    assert train["functional_test"] == "@checkpoint"
    for name in {"cpu.json", "smoke.json", "overfit.json"} & set(found):
        assert found[name]["optimizer::_target_"] == "torch.optim.AdamW", name
        assert name == "cpu.json" or found[name]["functional_test"] is False, name


def test_files_of_a_bundle(bundle: str) -> None:
    root = REPOSITORY / "bundles" / bundle
    for name in ("LICENSE", "docs/README.md", "docs/data_license.txt", "configs/logging.conf", "configs/metadata.json"):
        assert (root / name).is_file(), name
    names = set(configs(bundle))
    assert {"train.json", "evaluate.json", "inference.json", "multi_gpu_train.json", "smoke.json"} <= names
    assert "cpu.json" in names


def test_configs_stay_readable(bundle: str) -> None:
    """Later work adds values to these files, not files; MONAI's zoo has 7 files a bundle and 327 lines (median)."""
    folder = REPOSITORY / "bundles" / bundle / "configs"
    assert len(list(folder.iterdir())) <= 10
    lines = {name: (folder / name).read_text().splitlines() for name in configs(bundle)}
    assert len(lines["train.json"]) <= 330
    assert len(lines["inference.json"]) <= 180
    assert {name: max(map(len, text)) for name, text in lines.items() if max(map(len, text)) > 120} == {}


@pytest.mark.parametrize("name", COMPLETE)
def test_sections_have_one_order_in_all_bundles(name: str) -> None:
    """So that a diff of two bundles shows what their data sets differ in, and nothing else."""
    orders = [list(configs(bundle)[name]) for bundle in BUNDLES]
    for first, second in itertools.combinations(orders, 2):
        assert [key for key in first if key in second] == [key for key in second if key in first]


@pytest.mark.parametrize("bundle", ["openkbp", "prostate", "ham10000", "stoic"])
@pytest.mark.parametrize("name", list(METHODS))
def test_methods_are_what_they_say(bundle: str, name: str) -> None:
    folder = REPOSITORY / "bundles" / bundle / "configs"
    parser = ConfigParser()
    parser.read_config([str(folder / "train.json"), str(folder / "cpu.json")])
    tasks = parser["task_names"][:1] if name == "STL" else parser["task_names"]
    parser.update({"method": name, "task_names": tasks})
    network = parser.get_parsed_content("network_def")
    assert type(network) is METHODS[name].network
    assert list(network.task_names) == tasks


def test_expressions_are_short_plain_and_free_of_paths(bundle: str) -> None:
    for name, config in configs(bundle).items():
        for text in strings(config):
            assert not re.match(r"%.*\.(json|ya?ml)", text), (
                f"{name}: a macro resolves against the working directory: {text}"
            )
            assert not re.search(r"\blambda\b", text), f"{name}: {text}"
            assert not re.match(r"^(/|[A-Za-z]:\\)", text), f"{name}: an absolute path: {text}"
            if text.startswith("$"):
                assert len(text) < 80, f"{name}: {len(text)} characters: {text}"
                assert not re.search(r"handlers(::|#|\[)\d", text), f"{name}: a handler by its index: {text}"


def test_no_target_is_the_name_of_a_module_too(bundle: str) -> None:
    """MONAI finds a target by ``pydoc.locate``, which from Python 3.12 on prefers a module to its namesake function."""
    for name, config in configs(bundle).items():
        for target in targets(config):
            package = target.rpartition(".")[0]
            if package and not target.startswith("$") and hasattr(import_module(package), "__path__"):
                assert find_spec(target) is None, f"{name}: {target} is a module"


def test_every_override_id_exists_in_train(bundle: str) -> None:
    train = ConfigParser(configs(bundle)["train.json"])
    for name, config in configs(bundle).items():
        if name in COMPLETE:
            continue
        for key in config:
            component = key.lstrip("+").removesuffix("::_disabled_")  # any component can be left out
            assert component in train, f"{name}: '{key}' is not in train.json"


def test_train_and_inference_agree(bundle: str) -> None:
    train, inference = configs(bundle)["train.json"], configs(bundle)["inference.json"]
    shared = [
        "backbone",
        "stem",
        "windows",
        "dose_scale",
        "label_names",
        "available_tasks",
        "task_names",
        "tasks",
        "method",
    ]
    shared += ["size", "channel_mean", "channel_std", "class_names", "image_size", "slices", "window"]
    shared += ["axcodes", "spacing", "roi_size", "min_fragment"]
    # class names are the evaluation's in one bundle, the network's channels in another
    for key in (k for k in shared if k in train and (k != "class_names" or k in inference)):
        assert train.get(key) == inference.get(key), key
    network = {k: v for k, v in train["network_def"].items() if k != "pretrained"}
    assert network == {k: v for k, v in inference["network_def"].items() if k != "pretrained"}
    assert inference["network_def"]["pretrained"] is False, "inference must not reach for the network"


def test_named_handlers_and_metrics_resolve(bundle: str) -> None:
    for name in COMPLETE:
        config = configs(bundle)[name]
        parts = {part: config[part] for part in ("train", "validate")} if name == "train.json" else {"": config}
        for part, content in parts.items():
            reference = "@" + f"{part}::named_handlers".lstrip(":")
            assert content["handlers"] == [{"_target_": "ctan_monai.handlers.HandlerGroup", "handlers": reference}]
    train = configs(bundle)["train.json"]
    assert set(train["validate"]["task_metrics"]) == set(train["available_tasks"])
    assert set(train["loss"]["losses"]) == set(train["available_tasks"])
    assert train["weighting"] in train["weightings"]
    assert set(comparison_metrics(bundle)) == set(train["available_tasks"])


def test_metadata_is_valid_and_names_every_task(bundle: str, test_data_dir: Path) -> None:
    folder = REPOSITORY / "bundles" / bundle / "configs"
    metadata = json.loads((folder / "metadata.json").read_text())
    schema = json.loads((test_data_dir / "monai_meta_schema_20240725.json").read_text())
    jsonschema.validate(metadata, schema)
    assert metadata["version"] in metadata["changelog"]
    outputs = metadata["network_data_format"]["outputs"]
    assert next(iter(outputs)) == "pred", "MONAI Label reads the first output"
    tasks = configs(bundle)["train.json"]["available_tasks"]
    assert set(outputs) - {"pred"} == set(tasks)
    for name, task in tasks.items():
        assert outputs[name]["num_channels"] == task["out_channels"]
        assert set(outputs[name]["channel_def"]) == {str(i) for i in range(task["out_channels"])}


def test_metadata_describes_the_network(bundle: str) -> None:
    folder = REPOSITORY / "bundles" / bundle / "configs"
    data_format = json.loads((folder / "metadata.json").read_text())["network_data_format"]
    parser = ConfigParser()
    parser.read_config(str(folder / "inference.json"))
    parser.update({"backbone": "resnet18", "stem": "conv7x7"})
    network = parser.get_parsed_content("network_def").eval()
    image = data_format["inputs"]["image"]
    with torch.inference_mode():
        outputs = network(torch.rand(1, image["num_channels"], *image["spatial_shape"]))
    for name, output in outputs.items():
        expected = data_format["outputs"][name]
        assert list(output.shape[1:]) == [expected["num_channels"], *expected["spatial_shape"]]
        assert str(output.dtype) == f"torch.{expected['dtype']}"


@pytest.mark.parametrize("kind", ["train", "inference"])
def test_monai_finds_all_required_properties(
    bundle: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MONAI builds each property, so there must be data, and weights for inference."""
    monkeypatch.chdir(REPOSITORY)
    fixture, fitting, example = PHANTOMS[bundle]
    prepared: Path = request.getfixturevalue(fixture)
    small = {"backbone": "resnet18", "stem": "conv7x7", "output_dir": str(tmp_path), **fitting}
    if kind == "train":
        values = {"dataset_dir": str(prepared), "pretrained": False}
    else:
        parser = ConfigParser()
        parser.read_config(f"bundles/{bundle}/configs/inference.json")
        parser.update({"backbone": "resnet18", "stem": "conv7x7"})
        torch.save(parser.get_parsed_content("network_def").state_dict(), tmp_path / "model.pt")
        image = next(prepared.parent.glob(example))
        values = {"dataset_dir": str(image), "checkpoint": str(tmp_path / "model.pt")}
    workflow = create_workflow(
        config_file=f"bundles/{bundle}/configs/{kind}.json", workflow_type=kind, logging_file=False, **small, **values
    )
    assert workflow.check_properties() == []


@pytest.mark.filterwarnings("ignore:No hash value provided:UserWarning")
def test_model_zoo_form(bundle: str, test_data_dir: Path, tmp_path: Path) -> None:
    """What the checks of MONAI's model zoo ask of a bundle, besides the files of ``test_files_of_a_bundle``."""
    root = REPOSITORY / "bundles" / bundle
    assert re.fullmatch(r"[a-z][a-z0-9_]*", bundle)
    text = (root / "docs" / "README.md").read_text()
    sections = [line.lstrip("#").strip() for line in text.splitlines() if re.match(r"#{1,2} ", line)]
    wanted = ["Model Overview", "Data", "Training configuration", "Model performance", "MONAI Bundle commands"]
    wanted += ["Limits", "References", "License"]
    assert set(wanted) <= set(sections)
    assert sections[0] == "Model Overview"
    assert "PLACEHOLDER" not in text
    metadata_file = root / "configs" / "metadata.json"
    metadata = json.loads(metadata_file.read_text())
    assert metadata["bundle_name"] == bundle
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (REPOSITORY / "constraints.txt").read_text(), re.MULTILINE))
    pins = {name.lower(): version for name, version in pins.items()}
    stated = {"monai": "monai_version", "torch": "pytorch_version", "numpy": "numpy_version"}
    packages = {**metadata["required_packages_version"], **{name: metadata[key] for name, key in stated.items()}}
    assert {name: pins.get(name.lower()) for name in packages} == packages
    schema = tmp_path / "schema.json"  # in place of a download
    shutil.copy(test_data_dir / "monai_meta_schema_20240725.json", schema)
    verify_metadata(meta_file=str(metadata_file), filepath=str(schema))
