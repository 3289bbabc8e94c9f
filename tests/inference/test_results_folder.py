# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import hashlib
import json
import logging
import os
import shutil
import signal
from multiprocessing import get_context
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ctan_monai.dicom.write_ct import write_ct_series
from ctan_monai.inference import ResultsFolder, find_inputs
from ctan_monai.inference.results_folder import image_identity
from ctan_monai.utils import InputError

AFFINE = np.diag([-2.0, -2.0, 3.0, 1.0])
FILES = ("segmentation.nii.gz", "dose.nii.gz", "rtdose.dcm", "report.json")


def series(folder: Path, patient: str) -> Path:
    write_ct_series(folder, np.zeros((8, 8, 4)), AFFINE, patient_id=patient)
    return folder


def run(results: Path, source: Path, files: tuple[str, ...] = FILES, text: str = "") -> None:
    """As an inference does: claims all cases, then writes one after the other."""
    folder = ResultsFolder(results, "prostate")
    inputs = find_inputs(source)
    folder.claim(inputs)
    for item in inputs:
        for name in files:
            folder.file(item["case_id"], name).write_text(text)
        folder.commit(item["case_id"])


def test_another_patient_in_a_folder_of_the_same_name_is_refused(tmp_path: Path) -> None:
    first, second = series(tmp_path / "a" / "CT", "Anna"), series(tmp_path / "b" / "CT", "Berta")
    run(tmp_path / "out", first, text="of Anna")
    before = {p.name: p.read_text() for p in (tmp_path / "out").iterdir()}
    with pytest.raises(InputError) as caught:
        run(tmp_path / "out", second)
    message = str(caught.value)
    assert "has results of 'CT' from patient Anna, series 2.25." in message
    assert "also the name of patient Berta, series 2.25." in message
    assert str(first) in message and str(second) in message and message.endswith("must not mix.")
    assert {p.name: p.read_text() for p in (tmp_path / "out").iterdir()} == before
    run(tmp_path / "other", second)
    assert json.loads((tmp_path / "other" / "inputs.json").read_text())["CT"]["patient_id"] == "Berta"


def test_the_next_patient_under_the_same_path_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "out", series(tmp_path / "CT", "Anna"))
    shutil.rmtree(tmp_path / "CT")
    with pytest.raises(InputError, match="patient Anna"):
        run(tmp_path / "out", series(tmp_path / "CT", "Berta"))
    for number in (0, 1):
        nib.save(nib.Nifti1Image(np.full((8, 8, 4), number, np.int16), AFFINE), tmp_path / "ct.nii")
        if number == 0:
            run(tmp_path / "files", tmp_path / "ct.nii")
    with pytest.raises(InputError, match=r"results of 'ct' from the file .*ct\.nii \(SHA-256 \w{8}\.\.\.\)"):
        run(tmp_path / "files", tmp_path / "ct.nii")


def test_the_same_patient_again_moves_the_former_files_away(tmp_path: Path) -> None:
    source, out = series(tmp_path / "CT", "Anna"), tmp_path / "out"
    run(out, source, text="old")
    (out / "CT_notes.txt").write_text("the user's own")
    (out / "CT_2_dose.nii.gz").write_text("of another case")
    ResultsFolder(out, "prostate").claim(find_inputs(source))
    assert (out / "CT_dose.nii.gz").read_text() == "old"  # until something takes its place
    shutil.move(source, tmp_path / "moved" / "CT")  # the same series elsewhere is the same
    run(out, tmp_path / "moved" / "CT", ("segmentation.nii.gz", "report.json"), "new")
    left = {p.name: p.read_text() for p in out.iterdir() if p.is_file() and p.name != "inputs.json"}
    assert left == {
        "CT_segmentation.nii.gz": "new",
        "CT_report.json": "new",
        "CT_notes.txt": "the user's own",
        "CT_2_dose.nii.gz": "of another case",
    }
    (former,) = (out / "former").iterdir()  # perhaps the user corrected a contour in one of them
    assert former.name.startswith("CT_20")
    assert {p.name: p.read_text() for p in former.iterdir()} == {f"CT_{name}": "old" for name in FILES}


def test_former_files_that_are_moved_in_part_have_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out = series(tmp_path / "CT", "Anna"), tmp_path / "out"
    run(out, source, text="old")
    moved: list[Path] = []

    def rename(path: Path, target: Path) -> Path:
        if moved:
            raise OSError("stopped here")
        moved.append(path)
        return path.replace(target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(OSError, match="stopped here"):
        run(out, source, text="new")
    assert [path.name for path in moved] == ["CT_report.json"]
    monkeypatch.undo()
    run(out, source, text="new")
    assert {(out / f"CT_{name}").read_text() for name in FILES} == {"new"}


def _rows(folder: Path) -> dict[str, str]:
    path = folder / "predictions.csv"
    if not path.is_file():
        return {}
    with path.open() as file:
        return {row["case_id"]: row["lesion_percent"] for row in csv.DictReader(file)}


def test_an_interrupted_second_network_leaves_no_row_of_the_first(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        series(tmp_path / "in" / name, name)
    out = tmp_path / "out"
    old = {name: {"lesion_percent": "1"} for name in ("a", "b", "c")}
    for names in (("a", "b", "c"), ("d",)):  # the second network's run does not have d
        first = ResultsFolder(out, "ham10000")
        first.claim([item for item in find_inputs(tmp_path / "in") if item["case_id"] in names])
        for name in names:
            first.file(name, "segmentation.png").write_text("old")
            first.commit(name)
        first.write_table("predictions.csv", {name: {"lesion_percent": "1"} for name in names})

    second = ResultsFolder(out, "ham10000")
    second.claim([item for item in find_inputs(tmp_path / "in") if item["case_id"] in old])
    second.file("a", "segmentation.png").write_text("new")
    assert _rows(out) == {name: "1" for name in ("a", "b", "c", "d")}, "nothing has changed yet"
    second.commit("a")  # killed here, before the table is written
    assert (out / "a_segmentation.png").read_text() == "new"
    assert _rows(out) == {"d": "1"}
    (former,) = (out / "former").glob("predictions_*.csv")
    with former.open() as file:
        assert {row["case_id"] for row in csv.DictReader(file)} == set(old)

    second.fail("c", "it cannot be read")
    second.write_table("predictions.csv", {"a": {"lesion_percent": "2"}})
    assert _rows(out) == {"a": "2", "c": "1", "d": "1"}, "the mask of c is still the first network's"


def test_several_runs_share_a_folder_and_its_table(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "model.pt").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()[:12]
    runs = (("a", None, {"a": {"covid": 0.25}}), ("b", tmp_path / "model.pt", {"b": {"covid": 0.5, "severity": 1.0}}))
    for name, checkpoint, rows in runs:
        folder = ResultsFolder(out, "prostate", checkpoint)
        folder.claim(find_inputs(series(tmp_path / name, name)))
        folder.write_table("probabilities.csv", rows)
    assert list(json.loads((out / "inputs.json").read_text())) == ["a", "b"]
    with (out / "probabilities.csv").open() as file:
        assert list(csv.reader(file)) == [
            ["case_id", "covid", "severity", "weights_sha256"], ["a", "0.25", "", ""], ["b", "0.5", "1.0", digest]
        ]  # fmt: skip
    series(tmp_path / "x" / "a", "another")
    with pytest.raises(InputError, match="results of 'a' from patient a"):  # only a row of the table tells
        ResultsFolder(out, "prostate").claim(find_inputs(tmp_path / "x" / "a"))


def test_another_run_may_have_taken_the_name_in_between(tmp_path: Path) -> None:
    first, second, third = (ResultsFolder(tmp_path / "out", "prostate") for _ in range(3))
    first.claim(find_inputs(series(tmp_path / "a" / "CT", "Anna")))
    second.claim(find_inputs(series(tmp_path / "b" / "CT", "Berta")))  # nothing is written yet
    third.claim(find_inputs(series(tmp_path / "other", "Clara")))
    first.file("CT", "dose.nii.gz").write_text("of Anna")
    with pytest.raises(InputError, match="results of 'CT' from patient Anna"):
        second.file("CT", "dose.nii.gz")
    third.file("other", "dose.nii.gz")
    assert list(json.loads((tmp_path / "out" / "inputs.json").read_text())) == ["CT", "other"]


def _one_row(out: Path, number: int) -> None:
    ResultsFolder(out, "prostate").write_table("probabilities.csv", {f"case{number}": {"covid": number}})


def test_runs_at_once_lose_no_row_of_the_table(tmp_path: Path) -> None:
    context = get_context("spawn")
    runs = [context.Process(target=_one_row, args=(tmp_path, number)) for number in range(4)]
    for process in runs:
        process.start()
    for process in runs:
        process.join()
    with (tmp_path / "probabilities.csv").open() as file:
        assert {row["case_id"] for row in csv.DictReader(file)} == {f"case{number}" for number in range(4)}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("CT_dose.nii.gz", "", r"results of 'CT' from an image that inputs\.json does not name"),
        ("inputs.json", "{", r"inputs\.json: cannot be read"),
        ("inputs.json", "[1, 2]", r"inputs\.json: cannot be read"),
        ("inputs.json", '{"CT": "anna.nii"}', r"inputs\.json: cannot be read"),
        ("inputs.json", '{"CT": {"image": "anna.nii"}}', r"inputs\.json: cannot be read"),
        ("predictions.csv", "a,b\n", r"predictions\.csv: is not a table of results: expected a column 'case_id'"),
        ("predictions.csv", "case_id,b\nCT\n", r"predictions\.csv: is not a table of results"),
        ("predictions.csv", "case_id,b\nCT,1,2\n", r"predictions\.csv: is not a table of results"),
        ("predictions.csv", 'case_id,b\nCT,"1\n', r"predictions\.csv: cannot be read as a table"),
        ("probabilities.csv", "case_id;Größe\n", r"probabilities\.csv: cannot be read as a table"),
    ],
)
def test_a_folder_that_holds_something_else(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text(content, encoding="latin-1")
    with pytest.raises(InputError, match=message):
        run(tmp_path / "out", series(tmp_path / "CT", "Anna"))
    assert [p.name for p in (tmp_path / "out").iterdir()] == [name]
    assert (tmp_path / "out" / name).read_text(encoding="latin-1") == content


def test_a_header_alone_does_not_tell_two_images_apart(tmp_path: Path) -> None:
    found = []
    for name, voxels in (("a", b"\0\0"), ("b", b"\1\1")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ct.mhd").write_text("NDims = 3\nElementDataFile = ct.raw\n")
        (tmp_path / name / "ct.raw").write_bytes(voxels)
        found.append(image_identity(tmp_path / name / "ct.mhd")["sha256"])
    assert found[0] != found[1]


def visible(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))


def claimed(tmp_path: Path, name: str = "CT") -> ResultsFolder:
    folder = ResultsFolder(tmp_path / "out", "prostate")
    source = tmp_path / "in" / name
    folder.claim(find_inputs(source if source.exists() else series(source, name)))
    return folder


def test_files_of_a_case_appear_together_the_report_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out, folder = tmp_path / "out", claimed(tmp_path)
    names = ("report.json", *FILES[:-1])
    for name in names:
        folder.file("CT", name).write_text("first")
        assert visible(out) == ["inputs.json"]
    folder.commit("CT")
    assert visible(out) == sorted([*(f"CT_{name}" for name in FILES), "inputs.json"])
    again, moved = claimed(tmp_path), []
    for name in names[:2]:
        again.file("CT", name).write_text("second")
    assert (out / "CT_dose.nii.gz").read_text() == "first", "the former results stay until the new ones are complete"
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, target: moved.append(target.name) or replace(path, target))
    again.commit("CT")
    assert moved == ["CT_segmentation.nii.gz", "CT_report.json"]
    assert visible(out) == ["CT_report.json", "CT_segmentation.nii.gz", "former", "inputs.json"]
    assert sorted(p.name for p in out.iterdir()) == visible(out), "nothing hidden remains"


def test_a_case_that_is_lost_or_a_run_that_ends_early_leaves_nothing(tmp_path: Path) -> None:
    out, folder = tmp_path / "out", claimed(tmp_path)
    folder.file("CT", "rtdose.dcm").write_text("half")
    folder.fail("CT", "its report cannot be written")
    with pytest.raises(InputError, match="1 of 1 inputs have no results"):
        folder.finish()
    assert [p.name for p in out.iterdir()] == ["inputs.json"]
    broken = claimed(tmp_path)
    broken.file("CT", "rtdose.dcm").write_text("half")
    assert len(list(out.iterdir())) == 2
    broken.discard()
    assert [p.name for p in out.iterdir()] == ["inputs.json"]
    forgotten = claimed(tmp_path)
    forgotten.file("CT", "rtdose.dcm").write_text("half")
    del forgotten
    assert [p.name for p in out.iterdir()] == ["inputs.json"]


def test_a_run_without_reports_has_its_files_at_the_end(tmp_path: Path) -> None:
    folder = claimed(tmp_path)
    folder.file("CT", "rtdose.dcm").write_text("")
    folder.finish()
    assert visible(tmp_path / "out") == ["CT_rtdose.dcm", "inputs.json"]


def _write_and_die(tmp_path: Path) -> None:
    folder = claimed(tmp_path, "killed")
    folder.file("killed", "rtdose.dcm").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)


def test_the_next_run_removes_what_a_killed_one_left_and_nothing_of_a_living_one(tmp_path: Path) -> None:
    process = get_context("spawn").Process(target=_write_and_die, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    (left,) = (tmp_path / "out").glob(".*")
    assert [p.name for p in left.iterdir()] == ["killed_rtdose.dcm"]
    living = claimed(tmp_path, "living")
    assert not left.exists()
    living.file("living", "dose.nii.gz").write_text("")
    other = claimed(tmp_path, "other")
    other.file("other", "dose.nii.gz").write_text("")
    living.commit("living")
    other.commit("other")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "inputs.json", "living_dose.nii.gz", "other_dose.nii.gz"
    ]  # fmt: skip


def test_a_run_says_at_its_end_of_each_case_whether_it_is_usable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = ResultsFolder(tmp_path / "out", "prostate")
    reports = {
        "a": {"usable": False, "unusable_because": "Another site.", "warnings": ["Another site."]},
        "b": {"usable": True, "unusable_because": "", "warnings": ["x", "y"]},
    }
    for case, report in reports.items():
        folder.file(case, "report.json").write_text("")
        folder.commit(case, report)
    with caplog.at_level(logging.INFO):
        folder.finish()
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("WARNING", "a: NOT USABLE, see a_report.json: Another site."), ("INFO", "b: 2 warnings, see b_report.json")
    ]  # fmt: skip
