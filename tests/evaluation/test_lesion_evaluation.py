# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Predictions to files: the evaluation of prepared images, and the results of inference."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from ignite.engine import Engine
from lesions import mask_file, write_release
from PIL import Image

from ctan_monai.data import read_images
from ctan_monai.data.ham10000.metadata import CLASSES
from ctan_monai.data.ham10000.prepare import prepare_ham10000
from ctan_monai.evaluation import LesionEvaluation, load_lesion
from ctan_monai.handlers import HandlerGroup, Progress
from ctan_monai.inference import ResultsFolder, SaveLesions
from ctan_monai.reports import read_baselines


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Training images, prepared at 64 x 64 (so padded), with one mask three times as large as its image."""
    folder = tmp_path_factory.mktemp("lesions")
    release = write_release(folder / "in")
    for name in (release / "HAM10000_segmentations_lesion_tschandl").iterdir():
        name.write_bytes(mask_file((96, 72)))
    prepare_ham10000(release, folder / "out", (64, 64))
    return read_images(folder / "out", "training", ["segmentation", "diagnosis"], [64, 64])


def run(handler: Any, batch: list[dict[str, Any]], output: list[dict[str, Any]]) -> Engine:
    engine = Engine(lambda engine, data: output)
    handler.attach(engine)
    engine.run([batch])
    return engine


def probability(columns: int) -> torch.Tensor:
    """(2, 64, 64): lesion in the first columns, also of the padding."""
    lesion = torch.zeros(64, 64)
    lesion[:, :columns] = 1
    return torch.stack([1 - lesion, lesion])


def one_hot(index: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.tensor(index), 7).float()


def evaluate(cases: list[dict[str, Any]], folder: Path, tasks: tuple[str, ...], **kwargs: Any) -> dict[str, Any]:
    handler = LesionEvaluation(cases, folder, "Test", CLASSES, **kwargs)
    output = []
    for position, _ in enumerate(cases):
        item = {"probability": probability(32 if position else 16), "pred_diagnosis": one_hot(4)}
        output.append({key: value for key, value in item.items() if key.partition("_")[0] in tasks})
    run(handler, [{"case_id": case["case_id"]} for case in cases], output)
    return json.loads((folder / "evaluation.json").read_text())


def test_picture_and_mask_of_a_case(cases: list[dict[str, Any]]) -> None:
    image, mask = load_lesion(cases[0])
    assert (image.shape, image.dtype, mask.shape) == ((72, 96, 3), np.uint8, (72, 96))
    assert image.min() > 0 or image[..., 1:].min() > 40, "no padding"
    assert (mask == (np.arange(96) < 48)).all()


def test_metrics_are_on_the_original_mask(cases: list[dict[str, Any]], tmp_path: Path) -> None:
    result = evaluate(cases, tmp_path, ("probability", "pred"))
    rows = [result["images"][case["case_id"]] for case in cases]
    assert [row["dice"] for row in rows[1:]] == [100.0] * (len(cases) - 1), "the padding does not count"
    assert rows[0]["dice"] == pytest.approx(200 / 3)  # half of the lesion, nothing else
    assert rows[0]["jaccard"] == pytest.approx(50.0)
    assert {row["predicted"] for row in rows} == {"mel"}
    true = [case["diagnosis"] for case in cases]
    assert result["summary"]["diagnosis"]["accuracy"] == pytest.approx(100 * true.count(4) / len(true))
    assert result["summary"]["images"] == len(cases)


def test_files_and_page(cases: list[dict[str, Any]], tmp_path: Path) -> None:
    evaluate(cases, tmp_path / "first", ("probability", "pred"))
    first = tmp_path / "first" / "evaluation.json"
    assert read_baselines([first], "images")[0]["case_ids"] == {case["case_id"] for case in cases}
    evaluate(cases, tmp_path, ("probability", "pred"), baselines=[first], seed=3)
    with (tmp_path / "per_image.csv").open() as file:
        assert [row["case_id"] for row in csv.DictReader(file)] == [case["case_id"] for case in cases]
    with (tmp_path / "confusion.csv").open() as file:
        table = {row["true"]: row for row in csv.DictReader(file)}
    assert int(table["nv"]["mel"]) == [case["diagnosis"] for case in cases].count(5)
    summary = (tmp_path / "summary.csv").read_text()
    assert re.search(r"^dice,", summary, re.MULTILINE) and re.search(r"^balanced_accuracy,", summary, re.MULTILINE)
    page = (tmp_path / "report.html").read_text()
    HTMLParser().feed(page)
    for text in ("Mean Dice", "Balanced accuracy", "Comparison with baselines", "Confusion matrix", "data:image/png"):
        assert text in page, text
    assert not re.search(r"(src|href)=.https?://", page)
    assert str(tmp_path) not in page


@pytest.mark.parametrize("task", ["probability", "pred"])
def test_a_single_task(cases: list[dict[str, Any]], tmp_path: Path, task: str) -> None:
    result = evaluate(cases, tmp_path, (task,))
    assert (result["summary"]["diagnosis"] is None) == (task == "probability")
    assert ("dice" in result["summary"]["metrics"]) == (task == "probability")
    page = (tmp_path / "report.html").read_text()
    assert ("Confusion matrix" in page) == (task == "pred")


def test_a_case_twice(cases: list[dict[str, Any]], tmp_path: Path) -> None:
    handler = LesionEvaluation(cases, tmp_path, "Test", CLASSES)
    handler.measure(cases[0], {"probability": probability(32)})
    with pytest.raises(ValueError, match=r"is in the report already; are its data listed twice"):
        handler.measure(cases[0], {"probability": probability(32)})


def test_results_of_inference(tmp_path: Path) -> None:
    mask = torch.zeros(1, 20, 30)
    mask[:, :10, :15] = 1
    batch = [{"case_id": "a"}, {"case_id": "b"}]
    output = [{"pred": mask, "diagnosis": one_hot(3)}, {"pred": 0 * mask, "diagnosis": torch.full((7,), 1 / 7)}]
    run(SaveLesions(ResultsFolder(tmp_path, "prostate"), CLASSES), batch, output)
    saved = Image.open(tmp_path / "a_segmentation.png")
    assert (saved.size, saved.mode) == ((30, 20), "L")
    np.testing.assert_array_equal(np.asarray(saved), mask[0].numpy() * 255)
    with (tmp_path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["case_id", "lesion_percent", *CLASSES, "diagnosis", "precision"]
    assert (rows[0]["diagnosis"], rows[0]["lesion_percent"], rows[1]["lesion_percent"]) == ("df", "25.0", "0.0")
    assert sum(float(rows[1][name]) for name in CLASSES) == pytest.approx(1, abs=1e-5)


def test_the_table_is_written_where_a_run_breaks_off(tmp_path: Path) -> None:
    handler = SaveLesions(ResultsFolder(tmp_path, "prostate"), CLASSES)

    def process(engine: Engine, data: Any) -> Any:
        if engine.state.iteration == 2:
            raise RuntimeError("broken image")
        return [{"diagnosis": one_hot(0)}]

    engine = Engine(process)
    handler._next = float("inf")  # as if a write had just taken long
    HandlerGroup({"progress": Progress("images"), "save": handler}).attach(engine)
    with pytest.raises(RuntimeError, match="broken image"):
        engine.run([[{"case_id": "a"}], [{"case_id": "b"}]])
    assert (tmp_path / "predictions.csv").read_text().splitlines()[1].startswith("a,1.0,0.0")


def test_the_table_is_written_as_results_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed process leaves it; writing takes at most a tenth of the time."""
    ticks = iter(range(100))  # seconds: a write takes one, the test before it one
    monkeypatch.setattr("ctan_monai.inference.save_lesions.time", SimpleNamespace(monotonic=lambda: next(ticks)))
    seen = []

    def process(engine: Engine, data: Any) -> Any:
        path = tmp_path / "predictions.csv"
        seen.append(len(path.read_text().splitlines()) - 1 if path.exists() else None)
        return [{"diagnosis": one_hot(0)}]

    engine = Engine(process)
    SaveLesions(ResultsFolder(tmp_path, "prostate"), CLASSES).attach(engine)
    engine.run([[{"case_id": str(number)}] for number in range(30)])
    assert seen[:3] == [None, 1, 1] and seen[-1] > 10
    assert len(set(seen)) in (3, 4)
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 31


def test_an_output_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"predictions\.csv: cannot be written .*give another --output_dir"):
        run(
            SaveLesions(ResultsFolder(tmp_path / "file", "prostate"), CLASSES),
            [{"case_id": "a"}],
            [{"diagnosis": one_hot(0)}],
        )
