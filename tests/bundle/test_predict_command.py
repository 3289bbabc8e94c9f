# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The recipient's command, but for the prediction itself, which tests/bundle/test_pack.py runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from support import REPOSITORY, run_tool

from ctan_monai.packing import predict as module
from ctan_monai.utils.errors import DataError


def test_dicom_is_asked_for_by_one_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(module, "predict", lambda *arguments, **values: given.update(values) or module.Cases([]))
    assert module.main([str(tmp_path), str(tmp_path / "out"), "--dicom"]) == 0
    assert given == {"dicom_output": True}
    assert module.main([str(tmp_path), str(tmp_path / "out"), "--set", "dicom_output=rtstruct,rtdose"]) == 0
    assert given == {"dicom_output": "rtstruct,rtdose"}


def test_pdf_is_asked_for_by_one_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(module, "predict", lambda *arguments, **values: given.update(values) or module.Cases([]))
    assert module.main([str(tmp_path), str(tmp_path / "out"), "--pdf"]) == 0
    assert given == {"pdf": True}


@pytest.mark.filterwarnings("ignore:parsing config_file:UserWarning")
@pytest.mark.parametrize(
    ("name", "option", "message"),
    [
        ("stoic", "--pdf", "have no page. Leave --pdf out."),
        ("ham10000", "--write-implausible", "are not judged. Leave it out."),
    ],
)
def test_an_option_that_a_bundle_does_not_have_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    name: str,
    option: str,
    message: str,
) -> None:
    monkeypatch.setattr(module, "verify_checksums", lambda *_: None)
    bundle = REPOSITORY / "bundles" / name
    assert module.main([str(tmp_path), str(tmp_path / "out"), "--bundle", str(bundle), option]) == 2
    assert capsys.readouterr().err == f"error: {option}: the results of {bundle} {message}\n"


def test_the_command_lets_threads_sleep_before_pytorch_is_loaded() -> None:
    code = (
        "import os, sys, ctan_monai.predict_command as c\n"
        "assert 'torch' not in sys.modules; sys.argv[1:] = ['--help']\n"
        "try: c.main()\nexcept SystemExit: print(os.environ['OMP_WAIT_POLICY'])"
    )
    assert run_tool("-c", code).stdout.splitlines()[-1] == "PASSIVE"
    assert run_tool("-c", code, OMP_WAIT_POLICY="active").stdout.splitlines()[-1] == "active"
    scripts = (REPOSITORY / "setup.cfg").read_text()
    assert "ctan-monai-predict = ctan_monai.predict_command:main" in scripts


def test_targets_and_their_doses_are_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(module, "predict", lambda *arguments, **values: given.update(values) or module.Cases([]))
    targets = ["--targets", str(tmp_path / "RS.dcm"), "--target_doses", "PTV high=70,PTV low=56"]
    assert module.main([str(tmp_path), str(tmp_path / "out"), *targets]) == 0
    assert given == {"targets_from": tmp_path / "RS.dcm", "target_doses": "PTV high=70,PTV low=56"}


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (DataError("x.nii: is empty. Give another --output_dir, or leave --dicom_output out."),
         "x.nii: is empty. Give another RESULTS, or leave --dicom out."),
        (DataError("ct.nii: there are none. Give them by --targets_from."),
         "ct.nii: there are none. Give them by --targets."),
        (KeyboardInterrupt(), "interrupted: out lacks results, or has those of some images only. Run it again."),
        (ModuleNotFoundError("No module named 'highdicom'", name="highdicom"),
         "the package highdicom is missing: pip install -r requirements.txt of the bundle."),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB."),
         "the GPU's memory is not enough: close what else uses it, or give --device cpu."),
    ],
)  # fmt: skip
def test_what_a_user_can_mend_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: BaseException, message: str
) -> None:
    def predict(*arguments: Any, **values: Any) -> list[str]:
        if not isinstance(raised, Exception):
            raise raised
        raise RuntimeError("Failed to evaluate ConfigExpression: $x") from raised

    monkeypatch.setattr(module, "predict", predict)
    assert module.main(["ct.nii", "out"]) == 2
    assert capsys.readouterr().err == f"error: {message}\n"


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def predict(*arguments: Any, **values: Any) -> list[str]:
        raise KeyError("a fault")

    monkeypatch.setattr(module, "predict", predict)
    with pytest.raises(KeyError):
        module.main(["ct.nii", "out"])


@pytest.mark.parametrize("value", ["output_dir=x", "dataset_dir=x", "bundle_root=x"])
def test_what_has_an_argument_is_not_set_by_its_id(capsys: pytest.CaptureFixture[str], value: str) -> None:
    assert module.main(["ct.nii", "out", "--set", value]) == 2
    assert capsys.readouterr().err.startswith(f"error: --set {value}: {value[:-2]} is what INPUT, RESULTS and --bundle")


@pytest.mark.parametrize(
    ("name", "report", "lines"),
    [
        ("report", {"warnings": ["Large cord.", "Small brain."]},
         ["a: 2 warnings, see a_report.json:", "  - Large cord.", "  - Small brain."]),
        ("report", {"warnings": []}, ["a: no warnings, which is not a guarantee of correctness (a_report.json)."]),
        ("probabilities", {"warnings": "Few slices."}, ["a: 1 warning, see a_probabilities.json:", "  - Few slices."]),
        ("photograph", None, ["a: done."]),
        ("report", {"seconds": {"reading": 0.61, "network": 2.0}},
         ["a: no warnings, which is not a guarantee of correctness (a_report.json).",
          "  Seconds: reading 0.6, network 2.0."]),
    ],
)  # fmt: skip
def test_the_verdict_on_a_case(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    name: str,
    report: Any,
    lines: list[str],
) -> None:
    if report is not None:
        (tmp_path / f"a_{name}.json").write_text(json.dumps(report))
    else:
        (tmp_path / "predictions.csv").write_text("case_id,diagnosis\na,nv\n")
    monkeypatch.setattr(module, "predict", lambda *arguments, **values: module.Cases(["a"]))
    assert module.main(["ct.nii", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[:-1] == lines


@pytest.mark.parametrize("unusable", [[], ["b: slices are missing."]])
@pytest.mark.parametrize("withheld", [{}, {"withheld_dicom": ["rtstruct", "seg"]}])
def test_a_case_that_is_not_usable_has_a_status_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    unusable: list[str],
    withheld: dict[str, list[str]],
) -> None:
    because = "4 of 4 structures were not found. Use none of its results."
    report = {"usable": False, "unusable_because": because, "warnings": [because, "The dose is low."], **withheld}
    (tmp_path / "a_report.json").write_text(json.dumps(report))
    (tmp_path / "b_report.json").write_text(json.dumps({"usable": True, "unusable_because": "", "warnings": []}))
    (tmp_path / "c_probabilities.json").write_text(json.dumps({"usable": False, "unusable_because": "No lungs."}))
    cases = module.Cases(["a", "b"], unusable=unusable)
    monkeypatch.setattr(module, "predict", lambda *arguments, **values: cases)
    assert module.main(["in", str(tmp_path)]) == 3
    printed = capsys.readouterr()
    first, second, third, _ = printed.out.splitlines()
    note = " DICOM is withheld (rtstruct, seg); --write-implausible writes it." if withheld else ""
    assert first == f"a: NOT USABLE, see a_report.json: {because}{note}"
    assert second == "  - The dose is low." and third.startswith("b: no warning")
    error = printed.err.splitlines()
    assert error[0] == "error: use none of the results of a (1 of 2 cases)."
    assert error[1:] == ["1 of 3 inputs have no results:", *unusable] if unusable else len(error) == 1
    cases[:] = ["c"]
    assert module.main(["in", str(tmp_path)]) == 3
    assert capsys.readouterr().out.startswith("c: NOT USABLE, see c_probabilities.json: No lungs.")


def test_implausible_dicom_is_asked_for_by_one_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(module, "predict", lambda *arguments, **values: given.update(values) or module.Cases([]))
    assert module.main([str(tmp_path), str(tmp_path / "out"), "--dicom", "--write-implausible"]) == 0
    assert given == {"dicom_output": True, "write_implausible": True}


def test_series_are_chosen_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(module, "predict", lambda *arguments, **values: given.update(values) or module.Cases([]))
    assert module.main([str(tmp_path), str(tmp_path / "out"), "--series", "AXIAL, 3 mm", "--series", "5"]) == 0
    assert given == {"series": ["AXIAL, 3 mm", "5"]}


@pytest.mark.parametrize(("unusable", "status"), [([], 0), (["b: slices are missing.", "c: is damaged."], 2)])
def test_what_was_left_out_is_listed_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    unusable: list[str],
    status: int,
) -> None:
    (tmp_path / "a_report.json").write_text(json.dumps({"warnings": []}))
    cases = module.Cases(["a"], ["SE1: CT localizer (1 files)", "SE3: RTDOSE (2 files)"], unusable)
    monkeypatch.setattr(module, "predict", lambda *arguments, **values: cases)
    assert module.main(["in", str(tmp_path)]) == status
    printed = capsys.readouterr()
    assert printed.out.splitlines()[1:4] == [
        "Left out:", "  - SE1: CT localizer (1 files)", "  - SE3: RTDOSE (2 files)"
    ]  # fmt: skip
    assert f"Results are in {tmp_path}" in printed.out
    assert printed.err.splitlines()[1:] == unusable
    assert bool(printed.err) == bool(unusable)
