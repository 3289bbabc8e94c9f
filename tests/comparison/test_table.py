# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ctan_monai.comparison import (
    Result,
    Run,
    all_contrasts,
    collect_result,
    comparison_table,
    complete_cases,
    complete_results,
    complete_rows,
    contrast_rows,
    further_rows,
    markdown_table,
    read_result,
    table_rows,
)
from ctan_monai.metrics import TaskMetric

METRICS = {
    "segmentation": TaskMetric("dice", "Dice (%)", True, also={"Jaccard": "jaccard"}),
    "dose": TaskMetric("mae", "MAE (Gy)", False),
}


def results() -> list[Result]:
    dice = {"a": 50.0, "b": 60.0, "c": 70.0}
    return [
        Result("stl", 0, {"segmentation": 60.0}, {"segmentation": dice}, 1_000_000, 10.0, 1.0),
        Result("stl", 0, {"dose": 0.5}, {"dose": {"a": 0.5, "b": 0.5, "c": 0.5}}, 2_000_000, 20.0, 2.0),
        Result("stl", 1, {"segmentation": 62.0}, {"segmentation": dice}, 1_000_000, 10.0, 1.0),
        Result("stl", 1, {"dose": 0.5}, {"dose": {"a": 0.5, "b": 0.5, "c": 0.5}}, 2_000_000, 20.0, 2.0),
        Result(
            "ctan_dwa",
            0,
            {"segmentation": 66.0, "dose": 0.4},
            {"segmentation": {k: v + 6 for k, v in dice.items()}},
            also={"segmentation": {"Jaccard": 0.4}},
        ),
        Result(
            "ctan_dwa",
            1,
            {"segmentation": 68.2, "dose": 0.4},
            {"segmentation": {k: v + 8 for k, v in dice.items()}},
            also={"segmentation": {"Jaccard": 0.5}},
        ),
        Result("hps_dwa", 0, {"segmentation": 61.0, "dose": 0.6}),
    ]


def test_rows_by_hand() -> None:
    stl, hps, ctan = comparison_table(results(), METRICS)
    assert [stl["method"], hps["method"], ctan["method"]] == ["stl", "hps_dwa", "ctan_dwa"]
    assert stl["tasks"]["segmentation"]["mean"] == 61.0
    assert stl["tasks"]["segmentation"]["std"] == pytest.approx(2**0.5)
    assert hps["tasks"]["segmentation"]["std"] is None, "one seed has no standard deviation"
    assert ctan["tasks"]["segmentation"]["difference"] == pytest.approx(100 * (67.1 - 61) / 61)
    assert ctan["tasks"]["dose"]["difference"] == pytest.approx(20.0)
    assert hps["tasks"]["dose"]["difference"] == pytest.approx(-20.0)
    assert ctan["mean_difference"] == pytest.approx((10.0 + 20.0) / 2)
    assert (stl["rank"], hps["rank"], ctan["rank"]) == (2, 3, 1)
    assert stl["mean_difference"] == 0
    # two networks of 1 and 2 million numbers, 10 and 20 s
    assert (stl["parameters_million"], stl["training_seconds"], stl["validation_seconds"]) == (3.0, 30.0, 3.0)


def test_paired_differences_are_over_cases_after_the_mean_over_seeds() -> None:
    (_, hps, ctan) = comparison_table(results(), METRICS)
    paired = ctan["tasks"]["segmentation"]["paired"]
    assert (paired["mean"], paired["cases"], paired["higher"], paired["seeds"]) == (7.0, 3, 3, [2, 2])
    assert paired["p"] == 2 / 8, "of the eight changes of three signs two are as far from 0"
    assert hps["tasks"]["segmentation"]["paired"] is None, "its result has no cases"


def test_all_pairs_are_compared() -> None:
    found = all_contrasts(results(), METRICS)
    assert [(row["task"], row["method"], row["other"]) for row in found] == [("segmentation", "ctan_dwa", "stl")]
    rows = contrast_rows(found, METRICS)["segmentation"]
    assert rows[0]["pair"] == "CTAN (dwa) - STL" and rows[0]["seeds"] == "2 and 2"


def test_without_stl_there_is_no_comparison() -> None:
    rows = comparison_table([r for r in results() if r.row != "stl"], METRICS)
    assert [row["mean_difference"] for row in rows] == [None, None]
    assert [row["rank"] for row in rows] == [None, None]


def test_a_row_that_lacks_a_task_is_not_ranked() -> None:
    rows = comparison_table([r for r in results() if r.row != "stl" or "dose" not in r.values], METRICS)
    ctan = rows[-1]
    assert ctan["tasks"]["segmentation"]["difference"] is not None
    assert ctan["mean_difference"] is None
    assert ctan["rank"] is None


def test_further_metrics_by_hand() -> None:
    rows = further_rows(comparison_table(results(), METRICS), METRICS)
    assert rows == [
        {"method": "STL", "segmentation: Jaccard": ""},
        {"method": "HPS (dwa)", "segmentation: Jaccard": ""},
        {"method": "CTAN (dwa)", "segmentation: Jaccard": "0.45 ± 0.07"},
    ]
    plain = {task: TaskMetric(m.metric, m.title, m.higher_is_better) for task, m in METRICS.items()}
    assert further_rows(comparison_table(results(), plain), plain) == []


def test_collected_cases_average_to_the_metric(tmp_path: Path) -> None:
    """Balanced accuracy as a mean over cases: three nevi, two of them right, and one melanoma that is right."""
    rows = {"a": ("nv", 1), "b": ("nv", 1), "c": ("nv", 0), "d": ("mel", 1)}
    balanced = 100 * (2 / 3 + 1) / 2
    summary = {"diagnosis": {"balanced_accuracy": balanced, "accuracy": 75.0, "auroc": 0.9}}
    images = {case: {"diagnosis": name, "correct": right} for case, (name, right) in rows.items()}
    evaluation = {"summary": summary, "images": images, "provenance": {}}
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "evaluation.json").write_text(json.dumps(evaluation))
    (tmp_path / "training.json").write_text('{"parameters": 5}')
    for log in ("training_log.csv", "validation_log.csv"):
        (tmp_path / log).write_text("epoch,seconds\n1,2.0\n")
    metric = TaskMetric(
        "diagnosis::balanced_accuracy", "balanced accuracy (%)", True,
        case_metric="correct", case_class="diagnosis", case_scale=100.0, also={"accuracy (%)": "diagnosis::accuracy"},
    )  # fmt: skip
    run = Run("HPS", ("diagnosis", "other"), "DWA", 0)
    other = TaskMetric("diagnosis::auroc", "AUROC (%)", True, scale=100.0)
    metrics = {"diagnosis": metric, "other": other}
    content = collect_result(tmp_path, run, {}, metrics)
    values = content["cases"]["diagnosis"]
    assert values == {"a": pytest.approx(200 / 3), "b": pytest.approx(200 / 3), "c": 0, "d": pytest.approx(200)}
    assert sum(values.values()) / 4 == pytest.approx(balanced)
    assert content["values"] == {"diagnosis": pytest.approx(balanced), "other": pytest.approx(90)}
    path = tmp_path / "result.json"
    path.write_text(json.dumps(content))
    assert read_result(json.loads(path.read_text()), metrics).also == {"diagnosis": {"accuracy (%)": 75.0}, "other": {}}


def test_markdown_with_the_paper_beside() -> None:
    text = markdown_table(table_rows(comparison_table(results(), METRICS), METRICS, "openkbp"))
    lines = text.splitlines()
    assert len(lines) == 5
    assert "| 61.00 ± 1.41 |" in lines[2]
    assert "+7.00 [-5.71, +19.71], p = 0.25" in lines[4], "two seeds: t with one degree of freedom, 12.706"
    assert "71.59 (+0.42 %)" in lines[4]
    assert "0.51 (+3.56 %)" in lines[4]
    assert len({line.count("|") for line in lines}) == 1


def test_complete_cases_of_both_data_sets() -> None:
    def image(name: str, **facts: str) -> dict[str, Any]:
        return {
            "case_id": name,
            "facts": {"lesion_id": "l", "age": "0.0", "sex": "male", "localization": "ear", **facts},
        }

    cases = [
        {"case_id": "pt_1", "segmentation_present": [1, 1, 1, 1]},
        {"case_id": "pt_2", "segmentation_present": [1, 0, 1, 1]},
        {"case_id": "pt_3"},
        image("i1"), image("i2", sex="unknown"), image("i3", age=""), image("i4", localization="unknown"),
    ]  # fmt: skip
    assert list(complete_cases(cases)) == ["pt_1", "pt_3", "i1"]


def test_results_on_complete_cases_by_hand() -> None:
    complete = {case: {"case_id": case} for case in "ab"}
    table = comparison_table(complete_results(results(), METRICS, complete), METRICS)
    stl, hps, ctan = table
    assert stl["tasks"]["segmentation"]["mean"] == 55 and stl["tasks"]["dose"]["mean"] == 0.5
    assert (ctan["tasks"]["segmentation"]["mean"], ctan["tasks"]["segmentation"]["paired"]["cases"]) == (62, 2)
    assert hps["tasks"]["dose"]["mean"] is None, "it has no values of single cases"
    rows = complete_rows(table, METRICS)
    assert rows[2]["segmentation: Dice (%)"] == "62.00 ± 1.41"
    assert rows[2]["segmentation: relative to STL (%)"] == f"+{700 / 55:.2f}"
    assert "parameters (million)" not in rows[2] and "rank" not in rows[2]


def test_balanced_accuracy_on_complete_cases_weighs_the_classes_anew() -> None:
    """Class 0 is right, wrong; class 1 right twice. Without the wrong one 100 %, without the right one of 0 50 %."""
    metric = TaskMetric(
        "accuracy", "accuracy (%)", True, case_metric="correct", case_class="diagnosis", case_scale=100.0
    )
    result = Result("stl", 0, {"d": 75.0}, {"d": {"i1": 100.0, "i2": 0.0, "i3": 100.0, "i4": 100.0}})
    classes = {"i1": {"d": 0}, "i2": {"d": 0}, "i3": {"d": 1}, "i4": {"d": 1}}
    for left_out, value in (("i2", 100), ("i1", 50)):
        kept = {case: row for case, row in classes.items() if case != left_out}
        assert complete_results([result], {"d": metric}, kept)[0].values == {"d": pytest.approx(value)}
