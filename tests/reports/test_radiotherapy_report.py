# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ctan_monai.metrics import radiotherapy_metrics, summarize
from ctan_monai.reports import RadiotherapyReport
from ctan_monai.reports.radiotherapy.planes import case_views
from ctan_monai.reports.report import choose_cases

PROVENANCE = {
    "commit": "abc",
    "libraries": {"torch": "2"},
    "seed": 0,
    "gpu": None,
    "config_files": ["a.json", "b.json"],
}
VOID = {"meta", "img", "source", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """Collects what the tests ask for, and that tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open and data.strip():
            self.words.append(" ".join(data.split()))

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def ids(self) -> set[str | None]:
        return {attributes["id"] for _, attributes in self.tags if "id" in attributes}

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def make_report(
    folder: Path,
    patient: Any,
    labels: dict[int, str],
    tasks: tuple[str, ...] = ("segmentation", "dose"),
    **options: Any,
) -> tuple[Page, dict[str, dict[str, Any]]]:
    report = RadiotherapyReport(folder, options.pop("title", "Phantom"), labels, PROVENANCE, **options)
    for number, shift in enumerate((0, 1, 2, 3)):
        prediction = {t: a for t, a in patient.prediction(shift, 1 - 0.1 * shift).items() if t in tasks}
        row = radiotherapy_metrics(patient.reference, prediction)
        report.add_case(f"pt_{number}", row, patient.ct, patient.reference, prediction)
    path = report.write(summarize(list(report.rows.values())))
    assert path == folder / "report.html"
    return Page(path.read_text(encoding="utf-8")), report.rows


def test_report_has_all_sections_and_needs_nothing_else(tmp_path: Path, patient: Any, labels: dict[int, str]) -> None:
    (tmp_path / "training_log.csv").write_text("epoch,dose_loss\n1,0.5\n2,0.4\n")
    page, _ = make_report(tmp_path, patient, labels)
    assert {"summary", "contours", "dose", "pictures", "patients", "training", "limits", "provenance"} <= page.ids()
    assert "comparison" not in page.ids()
    text = (tmp_path / "report.html").read_text()
    assert not re.search(r"https?://|@import|<script|<link|<iframe", text)
    assert not re.search(r"url\(", text)
    for image in page.all("img"):
        assert (image["src"] or "").startswith("data:image/png;base64,")
        assert image["alt"]
    for source in page.all("source"):
        assert source["media"] == "(prefers-color-scheme: dark)"
        assert (source["srcset"] or "").startswith("data:image/png;base64,")
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1
    assert all(header["scope"] in ("col", "row") for header in page.all("th"))
    for link in page.all("a"):
        assert (link["href"] or "")[1:] in page.ids()
    assert "For research use only." in page.text
    assert "libraries: torch" in page.text and "a.json, b.json" in page.text
    assert "nan" not in page.text.lower().split() and "None" not in page.text.split()


def test_summary_says_what_the_numbers_say(tmp_path: Path, patient: Any, labels: dict[int, str]) -> None:
    patient.reference = replace(patient.reference, possible_dose_mask=patient.reference.dose > 20)
    page, rows = make_report(tmp_path, patient, labels, n_pictures=0)
    dice = np.mean([row["dice"] for row in rows.values()])
    body = np.mean([row["mae_body"] for row in rows.values()])
    whole = np.mean([row["mae_whole_volume"] for row in rows.values()])
    assert f"On 4 patients, the mean Dice overlap of predicted and reference contours is {dice:.1f} %" in page.text
    assert f"on average by {body:.2f} Gy inside the body and {whole:.2f} Gy over the whole image." in page.text
    score, within = (np.mean([row[key] for row in rows.values()]) for key in ("dose_score", "mae_possible_dose_mask"))
    assert score > within
    assert f"dose score is {score:.2f} Gy and its dose score within the mask is {within:.2f} Gy" in page.text
    assert "Not found at all" not in page.text
    assert "4 patients are few" in page.text


def test_pictures_are_of_the_best_the_median_and_the_worst(
    tmp_path: Path, patient: Any, labels: dict[int, str]
) -> None:
    page, _ = make_report(tmp_path, patient, labels)
    scans = [image["alt"] for image in page.all("img") if (image["alt"] or "").startswith("CT of")]
    assert [(alt or "").split()[2] for alt in scans] == ["pt_0", "pt_1", "pt_3"]
    assert "Best Dice, best dose: mean Dice 100.0 %, dose score 0.00 Gy." in page.text
    assert "Worst Dice, worst dose: " in page.text
    nothing, _ = make_report(tmp_path, patient, labels, n_pictures=0)
    assert nothing.all("img") == []
    assert "pictures" not in nothing.ids()


def test_worst_patient_comes_first_and_is_marked(tmp_path: Path, patient: Any, labels: dict[int, str]) -> None:
    page, rows = make_report(tmp_path, patient, labels, n_pictures=0)
    table = page.text[page.text.index("Patients, the worst mean Dice first") :]
    assert [name for name in re.findall(r"pt_\d", table)][:4] == ["pt_3", "pt_2", "pt_1", "pt_0"]
    assert f"{rows['pt_3']['dice']:.1f} (worst)" in table


@pytest.mark.parametrize(
    ("tasks", "present", "absent"),
    [(("segmentation",), "contours", "dose"), (("dose",), "dose", "contours")],
)
def test_single_task_networks(
    tmp_path: Path, patient: Any, labels: dict[int, str], tasks: tuple[str, ...], present: str, absent: str
) -> None:
    page, _ = make_report(tmp_path, patient, labels, tasks, n_pictures=1)
    assert present in page.ids() and absent not in page.ids()
    assert "pictures" in page.ids()
    assert "Dice" in page.text if tasks == ("segmentation",) else "Dice" not in page.text
    assert page.text.startswith("Phantom: evaluation report")


def test_patient_without_an_organ_and_a_missed_organ(tmp_path: Path, patient: Any, labels: dict[int, str]) -> None:
    report = RadiotherapyReport(tmp_path, "Phantom", labels, PROVENANCE)
    missed = patient.prediction()
    missed["segmentation"][missed["segmentation"] == 2] = 0
    for case_id, reference, prediction in (
        ("pt_a", patient.without("left_parotid"), patient.prediction()),
        ("pt_b", patient.reference, missed),
    ):
        row = radiotherapy_metrics(reference, prediction)
        report.add_case(case_id, row, patient.ct, reference, prediction)
    page = Page(report.write(summarize(list(report.rows.values()))).read_text())
    assert "No reference contour: left parotid." in page.text
    assert "Missed by the prediction: right parotid." in page.text
    assert "Not found at all: right parotid in 1 patient." in page.text
    assert "(left parotid in 1 of 2)" in page.text
    with (tmp_path / "per_patient.csv").open(newline="") as file:
        cells = {row["case_id"]: row for row in csv.DictReader(file)}
    assert cells["pt_a"]["dice_left_parotid"] == ""
    assert (cells["pt_b"]["dice_right_parotid"], cells["pt_b"]["hd95_right_parotid"]) == ("0.0", "")


def test_names_are_escaped(tmp_path: Path, patient: Any) -> None:
    report = RadiotherapyReport(tmp_path, "<b>A & B</b>", {1: "<i>cord</i>"}, {"commit": "<script>alert(1)</script>"})
    prediction = patient.prediction()
    row = radiotherapy_metrics(patient.reference, prediction)
    row |= {"dice_<i>cord</i>": row["dice_spinal_cord"], "hd95_<i>cord</i>": 1.0}
    report.add_case('"><img src=x>', row, patient.ct, patient.reference, prediction)
    text = report.write(summarize([row])).read_text()
    assert "<b>A" not in text and "<script" not in text and "<i>cord" not in text and "<img src=x" not in text
    page = Page(text)
    assert "<b>A & B</b>: evaluation report" in page.text
    assert '"><img src=x>' in page.text


def test_json_holds_the_results(tmp_path: Path, patient: Any, labels: dict[int, str]) -> None:
    _, rows = make_report(tmp_path, patient, labels, n_pictures=0)
    results = json.loads((tmp_path / "evaluation.json").read_text())
    assert results["title"] == "Phantom"
    assert results["patients"] == rows
    assert results["summary"] == summarize(list(rows.values()))
    assert results["provenance"] == PROVENANCE


def test_comparison_with_an_earlier_evaluation(tmp_path: Path, patient: Any, labels: dict[int, str]) -> None:
    make_report(tmp_path / "a", patient, labels, n_pictures=0)
    earlier = json.loads((tmp_path / "a" / "evaluation.json").read_text())
    earlier["name"] = "Mean dose"
    earlier["summary"]["metrics"]["dice"]["mean"] -= 10.0
    earlier["summary"]["metrics"]["dose_score"]["mean"] += 0.5
    del earlier["patients"]["pt_3"]
    path = tmp_path / "baselines.json"
    path.write_text(json.dumps(earlier))
    page, _ = make_report(tmp_path / "b", patient, labels, n_pictures=0, baselines=[path])
    assert "comparison" in page.ids()
    assert (
        "Compared with “Mean dose”, the Dice is 10.0 points better and the dose score is 0.50 Gy better." in page.text
    )
    assert "(best)" in page.text
    assert "Mean dose was measured on other patients" in page.text


@pytest.mark.parametrize("content", [None, "no json", "[]", '{"summary": {"dice": 1}}'])
def test_a_wrong_baseline_is_named_before_time_is_spent(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "baselines.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=r"baselines\.json: "):
        RadiotherapyReport(tmp_path, "Phantom", {}, {}, baselines=[path])


def test_a_patient_counts_once(tmp_path: Path, patient: Any, labels: dict[int, str]) -> None:
    report = RadiotherapyReport(tmp_path, "Phantom", labels, {}, n_pictures=0)
    report.add_case("pt_1", {}, patient.ct, patient.reference, {})
    with pytest.raises(ValueError, match="'pt_1' is in the report already"):
        report.add_case("pt_1", {}, patient.ct, patient.reference, {})


def test_choose_cases() -> None:
    dice = {"a": 10.0, "b": 90.0, "c": 50.0, "d": 60.0, "e": 70.0}
    assert choose_cases(dice, 3, higher_is_better=True) == {"b": "best", "d": "median", "a": "worst"}
    assert choose_cases(dice, 3, higher_is_better=False) == {"a": "best", "d": "median", "b": "worst"}
    assert list(choose_cases(dice, 9, higher_is_better=True)) == ["b", "e", "d", "c", "a"]
    assert choose_cases(dice, 5, higher_is_better=True)["e"] == "no. 2 of 5 by"
    assert choose_cases({"a": 1.0}, 3, higher_is_better=True) == {"a": "only"}
    assert choose_cases({"a": 1.0, "b": 2.0}, 3, higher_is_better=True) == {"b": "best", "a": "worst"}
    assert choose_cases({}, 3, higher_is_better=True) == {}
    assert choose_cases(dice, 0, higher_is_better=True) == {}


def test_another_data_set(tmp_path: Path, patient: Any, labels: dict[int, str]) -> None:
    """A target that is a label itself, own DVH figures, no possible-dose mask: the challenge is not named."""
    reference = patient.reference
    target = reference.structures["PTV70"]
    patient.reference = replace(
        reference,
        segmentation=np.where(target, 4, reference.segmentation),
        labels={**reference.labels, "ctv": 4},
        possible_dose_mask=None,
        structures={"ctv": target, "PTV": target},
        dvh_metrics={"ctv": ["D_95"]},
    )
    page, _ = make_report(tmp_path, patient, {**labels, 4: "ctv"})
    assert "DVH error" in page.text and "CTV D95" in page.text
    assert "OpenKBP" not in page.text and "Dose score" not in page.text
    views = case_views(patient.ct, patient.reference, patient.prediction())
    assert list(views.planes[0].targets) == ["PTV"], "the CTV is drawn once, as a label"
