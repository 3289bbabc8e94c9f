# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The page for a patient's file: sides, numbers, hostile names, one sheet of paper."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba
from monai.data import MetaTensor
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform

from ctan_monai.inference import ResultsFolder, check_dose
from ctan_monai.inference.plausibility import WRONG_SITE
from ctan_monai.reports import SavePatientPaged
from ctan_monai.reports.patient_page import (
    NetworkFacts,
    PageVolumes,
    network_facts,
    page_pdf,
    page_volumes,
    patient_page,
)
from ctan_monai.reports.patient_page.figures import planes_figure, structure_colors
from ctan_monai.utils import printable
from ctan_monai.utils.errors import InputError

LABELS = {"right_parotid": 1, "left_parotid": 2}
SHAPE = (30, 26, 20)  # in LPS: x to the left, y to the back, z to the head
AFFINE = np.diag([-2.0, -2.5, 5.0, 1.0])
ORIENTATIONS = ("LPS", "RAS", "LAS", "RPI", "PSR")  # RPI: a feet-first CT


def arrays() -> dict[str, np.ndarray]:
    """An asymmetric patient in LPS: organs on both sides, a target on the left, in front, towards the head."""
    ct = np.full(SHAPE, -1000, np.int16)
    ct[4:26, 4:22] = 0
    ct[22:25, 11:14, 3:17] = 1000  # a bone on the patient's left
    labels = np.zeros(SHAPE, np.uint8)
    labels[5:8, 12:15, 8:16] = 1
    labels[22:25, 12:15, 8:16] = 2
    target = np.zeros(SHAPE, bool)
    target[16:21, 6:10, 12:17] = True
    dose = np.where(ct > -500, 10.0, 0.0).astype(np.float32)
    dose[target] = 70.0
    return {"ct": ct, "labels": labels, "target": target, "dose": dose, "body": ct > -500}


def turned(code: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The patient's arrays in another orientation, and their affine."""
    order = ornt_transform(axcodes2ornt("LPS"), axcodes2ornt(code))
    found = {name: np.ascontiguousarray(apply_orientation(array, order)) for name, array in arrays().items()}
    return found, AFFINE @ inv_ornt_aff(order, SHAPE)


def volumes(code: str = "LPS", name: str = "PTV70") -> PageVolumes:
    a, affine = turned(code)
    return page_volumes(a["ct"], a["body"], affine, a["labels"], LABELS, {name: (70.0, a["target"])}, a["dose"])


def page(v: PageVolumes, case_id: str = "pt_1", warnings: list[str] | None = None, **about: str) -> str:
    report, found = check_dose(np.asarray(v.dose), v.organs, v.targets, v.spacing)
    report |= {"case_id": case_id, "image": f"/data/{case_id}", "targets_from": f"/data/{case_id}.dcm"}
    report["warnings"] = found if warnings is None else warnings
    facts = NetworkFacts([("Network", "CTAN")], "Research only. Not a medical device.", ["any clinical decision"])
    return patient_page(report, {"about": "Predicted by x.", **about}, v, list(LABELS), facts)


class Tags(HTMLParser):
    """Counts a page's tags and keeps its attributes and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.count: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.count[tag] += 1
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("code", ORIENTATIONS)
def test_every_orientation_of_the_ct_gives_the_same_page(code: str) -> None:
    first, other = volumes(), volumes(code)
    assert other.spacing == pytest.approx((2.0, 2.5, 5.0))
    for name in ("ct", "body", "dose"):
        np.testing.assert_array_equal(getattr(other, name), getattr(first, name))
    np.testing.assert_array_equal(other.targets["PTV70"][1], first.targets["PTV70"][1])
    np.testing.assert_array_equal(other.organs["left_parotid"], first.organs["left_parotid"])
    assert page(other) == page(first)


def test_an_organ_has_its_color_whichever_others_were_found() -> None:
    both = volumes()
    one = replace(both, organs={"left_parotid": both.organs["left_parotid"]})
    other = replace(both, organs={"right_parotid": both.organs["left_parotid"]})
    assert structure_colors(one)["left_parotid"] == structure_colors(both)["left_parotid"]
    assert structure_colors(other)["right_parotid"] != structure_colors(one)["left_parotid"]


@pytest.mark.parametrize("code", ORIENTATIONS)
def test_left_and_right_head_and_feet_in_the_pictures(code: str) -> None:
    v = volumes(code)
    colors = structure_colors(v)
    figure = planes_figure(v, colors)
    axes = {a.get_label(): a for a in figure.axes}

    def center(plane: str, name: str) -> tuple[float, float]:
        """Of a contour, as a part of the picture's width from the left and of its height from the top."""
        (lines,) = [
            c for c in axes[plane].collections
            if hasattr(c, "levels") and np.allclose(c.get_edgecolor()[0], to_rgba(colors[name]))
        ]  # fmt: skip
        points = np.concatenate([path.vertices for path in lines.get_paths()])
        (right, left), (bottom, top) = axes[plane].get_xlim(), axes[plane].get_ylim()
        x, y = points.mean(axis=0)
        return float((x - right) / (left - right)), float((y - top) / (bottom - top))

    def letters(plane: str) -> dict[str, tuple[float, float]]:
        return {t.get_text(): t.get_position() for t in axes[plane].texts if len(t.get_text()) == 1}

    for plane in ("axial", "coronal"):
        assert center(plane, "PTV70")[0] > 0.55, "the target is on the patient's left: at the right of the picture"
        at = letters(plane)
        assert at["R"][0] < 0.1 and at["L"][0] > 0.9
    assert center("axial", "PTV70")[1] < 0.45, "in front: at the top"
    assert center("axial", "right_parotid")[0] < 0.3 < 0.7 < center("axial", "left_parotid")[0]
    assert set(letters("axial")) == set("RLAP")
    for plane in ("coronal", "sagittal"):
        assert center(plane, "PTV70")[1] < 0.5, "towards the head: at the top"
        at = letters(plane)
        assert at["F"][1] < 0.1 and at["H"][1] > 0.9
    assert center("sagittal", "PTV70")[0] < 0.45, "in front: at the left"
    assert letters("sagittal")["A"][0] < 0.1
    image = np.asarray(axes["axial"].images[0].get_array())
    assert np.nonzero(image == 255)[1].mean() > image.shape[1] / 2, "the bone on the patient's left"


def test_planes_go_through_the_targets_or_else_through_the_organs() -> None:
    v = volumes()
    where = {a.get_label(): a.texts[-1].get_text() for a in planes_figure(v, structure_colors(v)).axes if a.texts}
    assert where == {"axial": "axial 15 / 20", "coronal": "coronal 9 / 26", "sagittal": "sagittal 19 / 30"}
    without = PageVolumes(v.ct, v.body, v.spacing, v.organs, {}, None)
    where = {a.get_label(): a.texts[-1].get_text() for a in planes_figure(without, structure_colors(v)).axes if a.texts}
    assert where["axial"] == "axial 13 / 20" and where["coronal"] == "coronal 14 / 26"


def test_the_page_states_the_figures_and_needs_no_other_file() -> None:
    html = page(volumes(), patient_id="Anna", made="2026-01-01")
    text = Tags(html).text
    for wanted in (
        "PTV70",
        "covered",
        "Right parotid",
        "10.0 Gy",
        "25 Gy",
        "Deasy",
        "Research only",
        "Anna",
        "any clinical",
    ):
        assert wanted in text, wanted
    assert "No warnings" in text
    sources = [value or "" for name, value in Tags(html).attributes if name in ("src", "href")]
    assert len(sources) == 2 and all(source.startswith("data:image/png;base64,") for source in sources)
    assert "size: A4" in html and "@import" not in html and "url(" not in html
    v = volumes()
    assert v.dose is not None
    v.dose[v.targets["PTV70"][1]] = 60.0
    text = Tags(page(v)).text
    assert "missed" in text and "misses the prescription of PTV70: D95 is 60.0 Gy, 86 % of 70 Gy" in text


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><style>*{display:none}",
    r"$\frac{1}{",
    "{{ 7 * 7 }}{% raw %}",
    "_\x1b[31m\u202eevil",
    "標的" * 40,
)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_text(name: str) -> None:
    plain = Tags(page(volumes()))
    found = Tags(
        page(volumes(name=printable(name)), name, [name], patient_id=name, series_instance_uid=name, made=name)
    )
    del plain.count["p"], found.count["p"], plain.count["section"], found.count["section"]
    more = {"h2": 1, "ul": 1, "li": 1, "div": 3, "dt": 3, "dd": 3, "bdi": 3}  # a warning, and three lines of identity
    assert found.count - plain.count == Counter(more)
    assert not [key for key, _ in found.attributes if key.startswith("on")]
    assert printable(name) in found.text or name in found.text
    assert "\x1b" not in found.text.replace(name, "") and "49" not in found.text.split("Dose-volume")[0]


def test_the_verdict_stands_above_all_figures_and_once(tmp_path: Path) -> None:
    data = item(tmp_path)
    because = "4 of 4 structures were not found. Use none of its results."
    data["report"] |= {"usable": False, "unusable_because": because, "warnings": [because, "The dose is high."]}
    write(tmp_path, data)
    text = " ".join(Tags((tmp_path / "out" / "p1_page.html").read_text()).text.split())
    assert text.count(because) == 1
    assert text.index(because) < text.index("SHA-256" if "SHA-256" in text else "Warnings")
    assert text.index(because) < text.index("The dose is high.")
    data["report"] |= {"usable": True, "unusable_because": ""}
    write(tmp_path, data)
    assert "Do not use" not in (tmp_path / "out" / "p1_page.html").read_text()


def crowded(because: str = "") -> str:
    """More of everything than a page has room for."""
    v = volumes()
    names = [printable(f"{name} {'W' * 60}") for name in HOSTILE]
    targets = {name: (60.0 + 2 * i, np.roll(v.targets["PTV70"][1], i, axis=0)) for i, name in enumerate(names)}
    organs = ["rectum", "bladder", "left_femur", "right_femur", "ctv"]
    masks = {name: np.roll(v.organs["left_parotid"], -4 * i, axis=0) for i, name in enumerate(organs)}
    crowded = PageVolumes(v.ct, v.body, v.spacing, masks, targets, v.dose)
    report, _ = check_dose(np.asarray(v.dose), masks, targets, v.spacing)
    long = "The volume of the bladder is far from that of every training patient: check this contour by hand. " * 4
    report |= {"case_id": "W" * 90, "image": "W" * 90, "targets_from": "W" * 90, "warnings": [long] * 12}
    report |= {"usable": not because, "unusable_because": because}
    facts = NetworkFacts(
        [("Network", "W" * 60), ("Input", "x" * 60), ("Trained on", "x" * 60), ("Test cases", "Dice (%) 70.1, " * 6)],
        "Research only. Not a medical device: no prediction may be used for treatment.",
        ["anything but planning CTs " * 5] * 3,
    )
    about = {"about": "Research use only, predicted by x; not reviewed by anyone.", "patient_id": "W" * 64}
    about |= {"series_instance_uid": "2.25." + "1" * 59, "made": "2026-11-27 18:43:34 UTC"}
    return patient_page(report, about, crowded, organs, facts)


def test_what_a_page_has_no_room_for_is_counted() -> None:
    text = " ".join(Tags(crowded()).text.split())
    assert "9 more stand in the report (JSON)." in text
    assert "2 more targets stand in the report (JSON)." in text


@pytest.fixture
def weasyprint() -> Any:
    try:
        import weasyprint
    except (ImportError, OSError):
        pytest.skip("WeasyPrint or its library Pango is not installed")
    return weasyprint


def test_one_sheet_of_a4_and_nothing_from_elsewhere(weasyprint: Any) -> None:
    for html in (page(volumes()), crowded(), crowded(WRONG_SITE.format(4, 4))):
        (sheet,) = weasyprint.HTML(string=html).render().pages
        assert (sheet.width, sheet.height) == (pytest.approx(793.7, abs=1), pytest.approx(1122.5, abs=1))
    assert page_pdf(page(volumes())).startswith(b"%PDF-")
    with pytest.raises(Exception, match="disallowed protocol"):
        weasyprint.URLFetcher(allowed_protocols=["data"]).fetch(f"file://{__file__}")


def item(folder: Path, **without: Any) -> dict[str, Any]:
    """What inference hands over: the CT as a file, and results on its grid, which is not LPS."""
    a, affine = turned("RAS")
    nib.save(nib.Nifti1Image(a["ct"], affine), folder / "ct.nii.gz")
    meta = {"filename_or_obj": str(folder / "ct.nii.gz")}
    report, warnings = check_dose(a["dose"], {}, {"PTV70": (70.0, a["target"])}, (2.0, 2.5, 5.0))
    data = {
        "case_id": "p1",
        "image": MetaTensor(torch.zeros(3, 4, 4, 4), meta=meta),
        "pred": MetaTensor(torch.from_numpy(a["labels"])[None]),
        "dose": MetaTensor(torch.from_numpy(a["dose"])[None]),
        "body": MetaTensor(torch.from_numpy(a["body"])[None]),
        "target_masks": {"PTV70": (70.0, a["target"])},
        "report": {"case_id": "p1", "image": str(folder / "ct.nii.gz"), "warnings": warnings, **report},
    }
    return {key: value for key, value in data.items() if key not in without}


def save(folder: Path, **switches: bool) -> SavePatientPaged:
    return SavePatientPaged(ResultsFolder(folder / "out", "openkbp"), LABELS, folder, None, **switches)


def write(folder: Path, data: dict[str, Any], **switches: bool) -> None:
    """As a run does."""
    transform = save(folder, **switches)
    transform(data)
    transform.results.commit("p1")


def test_the_file_shows_the_patient_as_the_page_does(tmp_path: Path) -> None:
    write(tmp_path, item(tmp_path))
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["p1_page.html"]
    html = (tmp_path / "out" / "p1_page.html").read_text()
    (planes,) = (line for line in html.splitlines() if 'class="planes"' in line)
    assert planes in page(volumes()), "the same picture as of the volumes in LPS"


@pytest.mark.parametrize("without", [["dose"], ["pred"], ["dose", "pred", "target_masks"]])
def test_a_network_with_one_task_and_one_that_finds_nothing(tmp_path: Path, without: list[str]) -> None:
    data = item(tmp_path, **dict.fromkeys(without))
    data["report"] = {"case_id": "p1", "image": "ct", "warnings": ["Nothing was found."]}
    data["body"] = torch.zeros_like(data["body"])
    write(tmp_path, data)
    text = Tags((tmp_path / "out" / "p1_page.html").read_text()).text
    assert "Nothing was found." in text
    assert ("No dose was predicted" in text) == ("dose" in without)


def test_without_weasyprint_a_pdf_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(InputError, match=r"--pdf: WeasyPrint.* is not installed. Install it with pip install"):
        save(tmp_path, pdf=True)
    save(tmp_path, pdf=False)
    assert not (tmp_path / "out").exists()


def test_pdf_alone_and_none(tmp_path: Path, weasyprint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, item(tmp_path), html=False)
    assert not (tmp_path / "out").exists()
    write(tmp_path, item(tmp_path), html=False, pdf=True)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["p1_page.pdf"]
    monkeypatch.setattr(weasyprint.HTML, "write_pdf", lambda *_, **__: 1 / 0)
    (tmp_path / "out" / "p1_page.pdf").unlink()
    with pytest.raises(ZeroDivisionError):
        write(tmp_path, item(tmp_path), pdf=True)
    assert not list((tmp_path / "out").iterdir()), "no page without its PDF"


def test_what_the_page_says_of_the_network(tmp_path: Path) -> None:
    (line,) = network_facts(tmp_path, None).lines
    assert line[1].startswith("unknown")
    (tmp_path / "configs").mkdir()
    values = {"method": "CTAN", "backbone": "resnet18_half", "stem": "conv7x7", "targets": True}
    record = {"values": values, "data": {"name": "OpenKBP", "cases": {"training": 158}}, "parameters": 7_346_694}
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "training.json").write_text(json.dumps(record))
    (tmp_path / "models" / "limits.md").write_text(
        "Not good for\n\n- **any *clinical* decision.** An error of 8 Gy\n  is large;\n"
        "- [CTs](x.md) of\n  others: `few`. More.\n\nA table.\n"
    )
    (tmp_path / "configs" / "metadata.json").write_text(json.dumps({"intended_use": "Research only."}))
    facts = network_facts(tmp_path, tmp_path / "models" / "model.pt")
    assert dict(facts.lines) == {
        "Network": "CTAN (resnet18_half conv7x7), 7.3 million parameters",
        "Input": "CT and targets with their prescribed doses",
        "Trained on": "158 cases of OpenKBP",
    }
    assert facts.limits == ["any clinical decision", "CTs of others: few"]
    # a packed bundle has the same in its metadata and documents, without a record beside the weights
    packed = {"training": {"config": values, "parameters": 7_346_694}, "training_data": record["data"]}
    packed["eval_metrics"] = {"test cases": 40, "segmentation: Dice (%)": 72.51, "dose: dose MAE (Gy)": 0.56}
    (tmp_path / "configs" / "metadata.json").write_text(json.dumps(packed))
    (tmp_path / "docs").mkdir()
    (tmp_path / "models" / "limits.md").rename(tmp_path / "docs" / "limits.md")
    (tmp_path / "models" / "training.json").unlink()
    again = network_facts(tmp_path, tmp_path / "models" / "model.pt")
    assert again.limits == facts.limits
    assert again.lines == [*facts.lines, ("Test cases", "40: Dice (%) 72.5")]
