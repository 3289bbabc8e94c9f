# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""JSON files of another structure than ours: one error that names the file, whatever stands in them."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from torture.damage import places_in

from ctan_monai.data import describe_data, expand_slices, read_datalist
from ctan_monai.data.datalist import check_grid
from ctan_monai.data.prostate.prepare import _read_split
from ctan_monai.data.prostate.roi_names import read_roi_map
from ctan_monai.inference import ReportPlausibilityd
from ctan_monai.metrics import comparison_metrics
from ctan_monai.packing.packed_configs import packed_config, packed_metadata, read_record
from ctan_monai.packing.texts import evaluation_results, evaluation_summary
from ctan_monai.utils.errors import DataError, content_of
from ctan_monai.utils.files import read_json

_STRANGE: tuple[Any, ...] = (None, True, -3, 1e300, "", "x", "../x", [], {}, [[]], {"a": []}, [None])


def _mutations(content: Any, count: int) -> Iterator[Any]:
    """The content with one value exchanged or left out."""
    draw = random.Random(0)
    places = [place for place in places_in(content) if place]
    for _ in range(count):
        changed = copy.deepcopy(content)
        *above, last = draw.choice(places)
        inside = changed
        for key in above:
            inside = inside[key]
        if draw.random() < 0.3:
            del inside[last]
        else:
            inside[last] = draw.choice(_STRANGE)
        yield changed
    yield from _STRANGE


def _attack(path: Path, content: Any, read: Callable[[], object], count: int = 400) -> int:
    """Number of mutations that were refused; any other error than ours fails the test."""
    path.write_text(json.dumps(content))
    read()
    refused = 0
    for changed in _mutations(content, count):
        path.write_text(json.dumps(changed))
        try:
            read()
        except DataError as error:
            assert path.name in str(error)
            refused += 1
        except ValueError as error:
            assert path.name in str(error) or "the prepared data are empty" in str(error)
            refused += 1
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match=path.name):
        read()
    return refused


@pytest.fixture
def prepared(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    for name in ("ct.nii", "dose.nii", "cord.nii.gz", "seg.nii"):
        (tmp_path / name).write_bytes(b"1234")
    case = {
        "case_id": "a", "image": "ct.nii", "dose": "dose.nii", "segmentation": "seg.nii",
        "segmentation_present": [1, 0], "structures": {"cord": "cord.nii.gz"}, "body_slices": [0, 1],
        "spacing": [1.0, 1.0, 2.0], "sha256": {"image": "ab"},
    }  # fmt: skip
    content = {
        "name": "x",
        "training": [case, {**case, "case_id": "b"}],
        "validation": [case],
        "test": [case],
        "provenance": {"network_grid": {"spacing": [3.0, 3.0, 3.0], "size": [160, 160]}, "seed": 0},
        "statistics": {"max_dose_gy": {"min": 1, "max": 2}},
        "files": {name: {"bytes": 4, "sha256": "ab"} for name in ("ct.nii", "dose.nii", "cord.nii.gz", "seg.nii")},
    }
    return tmp_path, content


def test_data_lists(prepared: tuple[Path, dict[str, Any]]) -> None:
    folder, content = prepared

    def read() -> None:
        for section in ("training", "validation", "test"):
            expand_slices(read_datalist(folder, section, ["segmentation", "dose"]))
        describe_data(folder)
        check_grid(folder, (3, 3, 3), (160, 160))

    assert _attack(folder / "datalist.json", content, read) > 150


def test_training_records(tmp_path: Path, repository: Path) -> None:
    """What packing makes of a record, before the network is built."""
    source = repository / "bundles" / "openkbp" / "models" / "ctan_small" / "training.json"
    content = json.loads(source.read_text())
    bundle = repository / "bundles" / "openkbp" / "configs"
    metadata = json.loads((bundle / "metadata.json").read_text())

    def read() -> None:
        record = read_record(tmp_path)
        with content_of(tmp_path / "training.json", "Train anew."):
            packed_metadata(metadata, packed_config(bundle / "inference.json", record), record, {})

    _attack(tmp_path / "training.json", content, read, 150)


def test_evaluations(tmp_path: Path, repository: Path) -> None:
    folder = repository / "bundles" / "openkbp" / "models" / "ctan_small" / "evaluation"
    content = {"summary": json.loads((folder / "evaluation.json").read_text())["summary"]}
    (tmp_path / "evaluation").mkdir()
    path = tmp_path / "evaluation" / "evaluation.json"

    def read() -> None:
        summary = evaluation_summary(tmp_path)
        with content_of(path, "Evaluate again."):
            evaluation_results(summary, ["segmentation", "dose"], comparison_metrics("openkbp"))

    assert _attack(path, content, read) > 10


def test_splits_and_roi_names(tmp_path: Path) -> None:
    path = tmp_path / "split.json"
    content = {"training": ["1", "2"], "validation": ["3"], "test": ["4"]}
    assert _attack(path, content, lambda: _read_split(str(path))) > 50
    path = tmp_path / "rois.json"
    assert _attack(path, {"bladder": ["^blase$"], "rectum": ["rektum", "x"]}, lambda: read_roi_map(path)) > 100


def test_training_ranges(tmp_path: Path) -> None:
    path = tmp_path / "ranges.json"
    limits = {"min": 1.0, "max": 2.0}
    content = {"statistics": {"organ_volume_cc": {"cord": limits}, "body_volume_cc": limits, "max_dose_gy": limits}}
    assert _attack(path, content, lambda: ReportPlausibilityd(str(path), {"cord": 1})) > 50


def test_read_json(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    assert _attack(path, {"a": [1]}, lambda: read_json(path, "an object.")) == 10  # all that is not an object
