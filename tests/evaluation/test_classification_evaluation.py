# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from ignite.engine import Engine

from ctan_monai.evaluation import ClassificationEvaluation
from ctan_monai.inference import ResultsFolder, SaveProbabilitiesd
from ctan_monai.reports import ClassificationReport

CLASSES = {"covid": ["negative", "COVID-19"], "severity": ["not severe", "severe"]}
MEASURES = {
    "covid": {"task": "covid", "title": "COVID-19"},
    "severity": {"task": "severity", "title": "severe, all"},
    "severity_among_covid": {"task": "severity", "title": "severe, COVID-positive", "where": "covid"},
}
CASES = [  # covid, severity, probability of each
    (0, 0, 0.1, 0.7),
    (0, 0, 0.6, 0.1),
    (1, 0, 0.4, 0.2),
    (1, 1, 0.8, 0.6),
    (1, 1, 0.9, 0.9),
]


def evaluate(folder: Path, tasks: tuple[str, ...] = ("covid", "severity")) -> dict:
    cases = [{"case_id": str(i), "covid": c, "severity": s, "age": 65} for i, (c, s, _, _) in enumerate(CASES)]
    handler = ClassificationEvaluation(cases, folder, "STOIC", CLASSES, MEASURES, ["age"], training_dir=folder)
    outputs = [{f"pred_{task}": torch.tensor([row[2 + list(CLASSES).index(task)]]) for task in tasks} for row in CASES]

    def step(engine: Engine, indices: list[int]) -> list[dict]:
        engine.state.batch = [{"case_id": str(i)} for i in indices]
        return [outputs[i] for i in indices]

    engine = Engine(step)
    handler.attach(engine)
    engine.run([[0, 1, 2], [3, 4]])
    return json.loads((folder / "evaluation.json").read_text())


def test_figures_files_and_page(tmp_path: Path) -> None:
    result = evaluate(tmp_path)
    metrics = result["summary"]["metrics"]
    # covid: 0.4, 0.8, 0.9 over 0.1, 0.6: 5 of 6 pairs. severity: 0.6, 0.9 over 0.7, 0.1, 0.2: 2 + 3 of 6.
    assert metrics["auroc_covid"]["mean"] == pytest.approx(5 / 6)
    assert metrics["auroc_severity"]["mean"] == pytest.approx(5 / 6)
    assert metrics["auroc_severity_among_covid"] == {"mean": 1.0, "low": 1.0, "high": 1.0, "n": 3}
    assert metrics["accuracy_covid"] == {"mean": pytest.approx(3 / 5), "n": 5}
    assert result["summary"]["patients"] == 5
    assert result["summary"]["measures"]["severity"]["confusion_matrix"] == [[2, 1], [0, 2]]
    assert result["patients"]["2"] == {
        "covid": 1, "severity": 0, "age": 65,
        "covid_probability": pytest.approx(0.4), "severity_probability": pytest.approx(0.2),
    }  # fmt: skip
    with (tmp_path / "per_patient.csv").open() as file:
        assert [row["covid"] for row in csv.DictReader(file)] == ["0", "0", "1", "1", "1"]
    with (tmp_path / "summary.csv").open() as file:
        rows = {row["metric"]: row for row in csv.DictReader(file)}
    assert float(rows["auroc_covid"]["mean"]) == pytest.approx(5 / 6)
    page = (tmp_path / "report.html").read_text()
    for text in ("0.833", "Covid: ROC", "Severity: calibration", "reference in rows", "5 cases are few"):
        assert text in page
    # the most wrong are listed: 0.4 for a positive and 0.6 for a negative; 0.7 for a not severe one
    assert page.count("<td>0.400</td>") >= 2 and "<td>0.300</td>" in page
    assert "http://" not in page and "https://" not in page


def test_a_single_task_network(tmp_path: Path) -> None:
    result = evaluate(tmp_path, tasks=("severity",))
    assert set(result["summary"]["measures"]) == {"severity", "severity_among_covid"}
    assert "Covid: ROC" not in (tmp_path / "report.html").read_text()


def test_several_classes_missing_labels_and_an_absent_class(tmp_path: Path) -> None:
    classes = {"diagnosis": ["a", "b", "c"]}
    report = ClassificationReport(
        tmp_path, "x", classes, {"all": {"task": "diagnosis", "title": "all"}}, {}, bootstrap=20
    )
    report.add_case("1", {"diagnosis": 0}, {"diagnosis": [0.7, 0.2, 0.1]})
    report.add_case("2", {"diagnosis": 1}, {"diagnosis": [0.5, 0.4, 0.1]})
    report.add_case("3", {"diagnosis": None}, {"diagnosis": [0.1, 0.1, 0.8]})
    report.write()
    figures = json.loads((tmp_path / "evaluation.json").read_text())["summary"]["measures"]["all"]
    assert (figures["n"], figures["auroc_per_class"]) == (2, {"a": 1.0, "b": 1.0, "c": None})
    assert figures["recall"] == {"a": 1.0, "b": 0.0, "c": None}
    assert report.rows["1"]["diagnosis_probability_b"] == 0.2
    assert "Diagnosis: ROC" in (tmp_path / "report.html").read_text()


def test_one_class_has_no_auroc_and_the_page_says_so(tmp_path: Path) -> None:
    report = ClassificationReport(tmp_path, "x", CLASSES, {"covid": MEASURES["covid"]}, {})
    for i, p in enumerate((0.2, 0.9)):
        report.add_case(str(i), {"covid": 1}, {"covid": [p]})
    report.write()
    content = json.loads((tmp_path / "evaluation.json").read_text())
    assert content["summary"]["metrics"]["auroc_covid"]["mean"] is None
    assert "the 2 cases are of one class" in (tmp_path / "report.html").read_text()


def test_mistakes() -> None:
    with pytest.raises(ValueError, match=r"measures of the tasks \['dose'\]"):
        ClassificationReport("x", "x", CLASSES, {"d": {"task": "dose", "title": "d"}}, {})
    report = ClassificationReport("x", "x", CLASSES, MEASURES, {})
    report.add_case("1", {"covid": 1}, {"covid": [0.5]})
    with pytest.raises(ValueError, match="'1' is in the report already"):
        report.add_case("1", {"covid": 1}, {"covid": [0.5]})


def test_probabilities_as_json_and_csv(tmp_path: Path) -> None:
    save = SaveProbabilitiesd(
        {"covid": "covid", "severity": "severity"}, ResultsFolder(tmp_path, "prostate"), extra=["warnings"]
    )
    save({"case_id": "a", "covid": torch.tensor([0.25]), "severity": torch.tensor([0.5]), "warnings": "No, lungs."})
    save({"case_id": "b", "covid": torch.tensor([0.75]), "severity": torch.tensor([0.125]), "warnings": ""})
    text = (tmp_path / "probabilities.csv").read_text()
    assert text == 'case_id,covid,severity,warnings\na,0.25,0.5,"No, lungs."\nb,0.75,0.125,\n'
    record = json.loads((tmp_path / "a_probabilities.json").read_text())
    assert record.pop("made") and record.pop("about").startswith("Research use only")
    assert record == {"case_id": "a", "probabilities": {"covid": 0.25, "severity": 0.5}, "warnings": "No, lungs."}
    several = SaveProbabilitiesd({"diagnosis": "diagnosis"}, ResultsFolder(tmp_path / "c", "prostate"))
    several({"case_id": "a", "diagnosis": torch.tensor([0.25, 0.75])})
    assert (tmp_path / "c" / "probabilities.csv").read_text() == "case_id,diagnosis_0,diagnosis_1\na,0.25,0.75\n"
    (tmp_path / "file").touch()
    blocked = SaveProbabilitiesd({"covid": "covid"}, ResultsFolder(tmp_path / "file" / "x", "prostate"))
    with pytest.raises(OSError, match=r"cannot be written .*another --output_dir"):
        blocked({"case_id": "a", "covid": torch.tensor([0.25])})
