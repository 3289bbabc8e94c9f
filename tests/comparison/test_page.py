# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import re

from PIL import Image
from test_table import METRICS, results

from ctan_monai.comparison import (
    all_contrasts,
    comparison_page,
    comparison_picture,
    comparison_table,
    contrast_rows,
    further_rows,
    table_rows,
)


def contents() -> list[dict]:
    """Result files as far as the page reads them: three epochs, the second seed stopped after two."""
    lines = {"stl": "stl segmentation", "ctan_dwa": "ctan_dwa", "hps_dwa": "hps_dwa"}
    return [
        {
            "row": r.row,
            "seed": r.seed,
            "line": lines[r.row],
            "validation_log": {"epoch": [1.0, 2.0, 3.0][: 3 - r.seed], "score": [0.1, 0.2, 0.4][: 3 - r.seed]},
            "training_log": {
                "epoch": [1.0, 2.0, 3.0],
                "gradient_cosine_a_b": [0.3, None, 0.1],  # too few measurements in the second
                "loss": [3.0, 2.0, 1.0],
            },
        }
        for r in results()
    ]


def test_page_has_the_tables_the_charts_and_no_external_resource() -> None:
    table = comparison_table(results(), METRICS)
    rows = table_rows(table, METRICS)
    further = further_rows(table, METRICS)
    pairs = contrast_rows(all_contrasts(results(), METRICS), METRICS)
    provenance = {"commit": "abc"}
    page = comparison_page(
        "<Phantom>", table, rows, further, pairs, METRICS, contents(), ["hps_dwa_seed1"], [], provenance
    )
    assert "&lt;Phantom&gt;: comparison of methods" in page
    assert "1 runs are not finished (hps_dwa_seed1)" in page
    assert "61.00 ± 1.41" in page
    assert "Further metrics, segmentation" in page and "0.45 ± 0.07" in page
    assert "+7.00 [-5.71, +19.71]" in page
    assert "Difference to STL in Dice (%), better to the right: CTAN (dwa) +7 [-5.71, +19.7]." in page
    assert "Validation: score" in page
    assert "Training: gradient cosine a b" in page
    assert "Training: loss" not in page, "losses of other epochs' weights are not comparable"
    assert not re.search(r"(src|href)=.https?://", page)
    # the shorter run ends the mean: epochs that both seeds have
    assert "CTAN (dwa) from 0.1 to 0.2" in page
    assert "One seed" not in page
    assert "Not a fair comparison" not in page
    assert "<caption>Test cases, dose</caption>" in page and "<caption>Test cases, all tasks</caption>" in page
    page = comparison_page("", table, rows, further, pairs, METRICS, contents(), [], ["optimizer: <x>."], provenance)
    assert "Not a fair comparison" in page and "<li>optimizer: &lt;x&gt;.</li>" in page


def test_picture_of_the_table() -> None:
    table = comparison_table(results(), METRICS)
    picture = comparison_picture("Phantom", table, METRICS)
    width, height = Image.open(io.BytesIO(picture)).size
    assert width > height
    for row in table:
        for found in row["tasks"].values():
            found["mean"] = None if not found["values"] else found["mean"] + 1
    assert comparison_picture("Phantom", table, METRICS) != picture, "the means are drawn"
    assert comparison_picture("Nothing yet", [], METRICS)


def test_no_table_of_the_page_is_of_two_tasks() -> None:
    """With all tasks in one they are wider than a screen; a row that a task's table has nothing of is left out."""
    rows = [
        {"method": "STL", "segmentation: Dice": "70", "dose: MAE": "0.5", "by seed": "+1 [-2, +3]; +4 [+3, +5]"},
        {"method": "mean dose", "segmentation: Dice": "", "dose: MAE": "0.7", "by seed": ""},
    ]
    page = comparison_page("", [], [], [], {}, METRICS, [], [], [], {}, {"Complete": rows})
    tables = {
        re.findall("<caption>(.*?)</caption>", table)[0]: re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", table)
        for table in re.findall("<table>.*?</table>", page.replace("\N{NO-BREAK SPACE}", "_"), re.DOTALL)
    }
    assert tables == {
        "Complete, segmentation": ["method", "Dice", "STL", "70"],
        "Complete, dose": ["method", "MAE", "STL", "0.5", "mean dose", "0.7"],
        "Complete, all tasks": ["method", "by seed", "STL", "+1_[-2,_+3]; +4_[+3,_+5]"],  # lines end between intervals
    }
