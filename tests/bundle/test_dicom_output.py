# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""DICOM results of every bundle's inference, with networks of random weights."""

from __future__ import annotations

import csv
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
import torch
from dicom_validation import dicom_errors
from monai.bundle import ConfigParser, create_workflow
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless
from support import REPOSITORY

from ctan_monai.dicom import (
    DoseGrid,
    ct_series,
    rasterize,
    read_ct_series,
    read_dose,
    read_source,
    read_structures,
    resample_dose,
    write_ct_series,
)
from ctan_monai.inference import ResultsFolder
from ctan_monai.phantoms.prostate import write_prostate_patient

pytestmark = [
    pytest.mark.filterwarnings("ignore:parsing config_file:UserWarning"),  # MONAI says of every config that it is code
    pytest.mark.filterwarnings("ignore:Orientationd:FutureWarning"),
]
SMALL = {"backbone": "resnet18", "stem": "conv7x7"}


def infer(bundle: str, source: Path, output: Path, **values: Any) -> None:
    """The bundle's inference with a small network of random weights; by default with all DICOM results."""
    config = str(REPOSITORY / "bundles" / bundle / "configs" / "inference.json")
    parser = ConfigParser()
    parser.read_config(config)
    parser.update(SMALL)
    torch.manual_seed(0)
    output.mkdir(parents=True, exist_ok=True)
    torch.save(parser.get_parsed_content("network_def").state_dict(), output.parent / "model.pt")
    values = {"dicom_output": True, "dataset_dir": str(source), "output_dir": str(output), **SMALL, **values}
    workflow = create_workflow(
        config_file=config,
        workflow_type="inference",
        logging_file=False,
        checkpoint=str(output.parent / "model.pt"),
        **values,
    )
    workflow.run()


def message(error: pytest.ExceptionInfo[BaseException]) -> str:
    """The text of an error and of all its causes."""
    texts, cause = [], error.value
    while cause is not None:
        texts.append(str(cause))
        cause = cause.__cause__
    return "\n".join(texts)


@pytest.fixture(scope="module")
def pelvis_phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some slices of the CT of a phantom patient."""
    folder = tmp_path_factory.mktemp("pelvis")
    write_prostate_patient(folder / "whole", 1)
    hu, affine = read_ct_series(folder / "whole" / "CT")
    write_ct_series(folder / "CT", hu[:, :, :12], affine, "phantom_001")
    return folder / "CT"


@pytest.mark.parametrize("bundle", ["prostate", pytest.param("openkbp", marks=pytest.mark.slow)])
def test_contours_and_dose_equal_the_nifti_files(bundle: str, pelvis_phantom: Path, tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    infer(bundle, pelvis_phantom, tmp_path / "out", write_implausible=True)
    out = {p.name.removeprefix("CT_"): p for p in (tmp_path / "out").iterdir()}
    assert sorted(out) == [
        *("dose.nii.gz", "inputs.json", "page.html", "report.json", "rtdose.dcm", "rtstruct.dcm", "seg.dcm"),
        "segmentation.nii.gz",
    ]
    labels = np.asarray(nib.load(out["segmentation.nii.gz"]).dataobj)
    series = ct_series(pelvis_phantom)
    names = ConfigParser.load_config_files(str(REPOSITORY / "bundles" / bundle / "configs" / "inference.json"))
    structures = read_structures(out["rtstruct.dcm"], series.frame_uid)
    assert structures
    for structure in structures:
        found, _ = rasterize(structure, series.affine, series.shape)
        np.testing.assert_array_equal(found, labels == names["label_names"][structure.name.split()[-1]])
    dose, own = read_dose(out["rtdose.dcm"], series.frame_uid), nib.load(out["dose.nii.gz"])
    np.testing.assert_allclose(np.abs(dose.affine[:3, :3]), np.diag([2.5] * 3), atol=1e-6)
    assert pydicom.dcmread(out["rtdose.dcm"]).BitsAllocated == 16
    expected = resample_dose(DoseGrid(np.asarray(own.dataobj), own.affine), dose.affine, dose.gray.shape)
    inner = (slice(1, -1),) * 3  # the outermost voxels may lie beyond the CT's
    np.testing.assert_allclose(dose.gray[inner], expected[inner], atol=0.01)
    assert expected.max() > 0
    for name in ("rtstruct", "seg", "rtdose"):
        dataset = pydicom.dcmread(out[f"{name}.dcm"])
        assert dataset.PatientID == "phantom_001"
        # random weights find few structures, or they are far too large
        assert dataset.SeriesDescription == f"IMPLAUSIBLE, DO NOT USE. Research use only, ctan-monai {bundle}"
        assert dicom_errors(out[f"{name}.dcm"]) == []


def test_implausible_results_are_withheld(
    pelvis_phantom: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """NIfTI files, page and report are there to look at."""
    with caplog.at_level(logging.INFO):
        infer("prostate", pelvis_phantom, tmp_path / "out", dicom_output="rtstruct,rtdose")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "CT_dose.nii.gz", "CT_page.html", "CT_report.json", "CT_segmentation.nii.gz", "inputs.json"
    ]  # fmt: skip
    report = json.loads((tmp_path / "out" / "CT_report.json").read_text())
    assert report["usable"] is False and "Use none of its results" in report["unusable_because"]
    assert report["withheld_dicom"] == ["rtstruct", "rtdose"]
    (line,) = (r.getMessage() for r in caplog.records if r.getMessage().startswith("CT: NOT USABLE"))
    assert report["unusable_because"] in line and "--write_implausible" in line


def test_a_report_that_cannot_be_written_leaves_no_other_result(
    pelvis_phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctan_monai.inference.save_nifti.json_text", lambda content: 1 / 0)
    with pytest.raises(RuntimeError) as error:
        infer("prostate", pelvis_phantom, tmp_path / "out", dicom_output="rtdose", write_implausible=True)
    assert "1 of 1 inputs have no results:\nCT: SaveImagesd: " in message(error)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["inputs.json"]


def test_a_body_without_lungs_has_no_probabilities_in_dicom(pelvis_phantom: Path, tmp_path: Path) -> None:
    infer("stoic", pelvis_phantom, tmp_path / "out", slices=2, image_size=[96, 96], spacing=[3.6, 3.6, 5.0])
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "inputs.json", "probabilities.csv", "CT_probabilities.json"
    }  # fmt: skip
    record = json.loads((tmp_path / "out" / "CT_probabilities.json").read_text())
    assert list(record)[:2] == ["case_id", "usable"] and record["usable"] is False
    assert record["unusable_because"].startswith("No lungs were found") and record["withheld_dicom"] == ["sr"]
    (row,) = csv.DictReader((tmp_path / "out" / "probabilities.csv").read_text().splitlines())
    assert list(row)[:2] == ["case_id", "usable"] and row["usable"] == "False"


def test_probabilities(stoic_phantom_release: Path, tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    image = sitk.ReadImage(str(next((stoic_phantom_release / "data" / "mha").glob("*.mha"))))
    affine = np.diag([-image.GetSpacing()[0], -image.GetSpacing()[1], image.GetSpacing()[2], 1.0])
    write_ct_series(tmp_path / "scan", sitk.GetArrayFromImage(image).transpose(2, 1, 0), affine)
    infer("stoic", tmp_path / "scan", tmp_path / "out", slices=2, image_size=[96, 96], spacing=[3.6, 3.6, 5.0])
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {"inputs.json", "probabilities.csv", "scan_probabilities.json", "scan_sr.dcm"}
    assert dicom_errors(tmp_path / "out" / "scan_sr.dcm") == []
    text = (tmp_path / "out" / "probabilities.csv").read_text().splitlines()
    values = dict(zip(text[0].split(","), text[1].split(","), strict=False))
    assert values["usable"] == "True"
    report = str(pydicom.dcmread(tmp_path / "out" / "scan_sr.dcm"))
    for task in ("covid", "severity"):
        assert f"'{float(values[task]):.6g}" in report, task


def test_a_photographs_mask(tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    pixels = np.random.default_rng(0).integers(0, 255, (90, 120, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "ISIC_1.jpg")
    infer("ham10000", tmp_path / "ISIC_1.jpg", tmp_path / "out", size=[96, 128])
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "inputs.json", "predictions.csv", "ISIC_1_segmentation.png", "ISIC_1_sc.dcm"
    }  # fmt: skip
    mask = np.asarray(Image.open(tmp_path / "out" / "ISIC_1_segmentation.png"))
    np.testing.assert_array_equal(pydicom.dcmread(tmp_path / "out" / "ISIC_1_sc.dcm").pixel_array, mask)
    assert dicom_errors(tmp_path / "out" / "ISIC_1_sc.dcm") == []


@pytest.mark.parametrize("bundle", ["prostate", "openkbp", "stoic"])
def test_an_input_that_is_not_dicom(bundle: str, tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros((40, 40, 8), np.int16), np.eye(4)), tmp_path / "ct.nii.gz")
    with pytest.raises(RuntimeError) as error:
        infer(bundle, tmp_path / "ct.nii.gz", tmp_path / "out")
    assert "ct.nii.gz: is not a DICOM series, and DICOM results (--dicom_output) need" in message(error)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_unknown_kind(pelvis_phantom: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        infer("prostate", pelvis_phantom, tmp_path / "out", dicom_output="rtplan")
    assert "--dicom_output: unknown kind rtplan" in message(error)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("bundle", ["prostate", pytest.param("stoic", marks=pytest.mark.slow)])
def test_a_series_in_two_folders_gives_the_same_as_in_one(bundle: str, pelvis_phantom: Path, tmp_path: Path) -> None:
    pytest.importorskip("highdicom")
    for name, file in enumerate(sorted(pelvis_phantom.iterdir())):
        for folder in (tmp_path / "one" / "CT", tmp_path / "two" / f"IMG{name % 2}"):
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, folder)
    for parts in ("one", "two"):
        infer(bundle, tmp_path / parts, tmp_path / parts / "out", write_implausible=True)
    slices = {header.SOPInstanceUID for header in read_source(pelvis_phantom).slices}
    kinds = ("seg", "rtstruct", "rtdose") if bundle == "prostate" else ("sr",)
    for kind in kinds:
        one, two = (pydicom.dcmread(next((tmp_path / parts / "out").glob(f"*_{kind}.dcm"))) for parts in ("one", "two"))
        assert one.get("PixelData") == two.get("PixelData")
        assert references(one) & slices == references(two) & slices == slices
    if bundle == "prostate":
        one, two = (next((tmp_path / parts / "out").glob("*_segmentation.nii.gz")) for parts in ("one", "two"))
        np.testing.assert_array_equal(nib.load(one).get_fdata(), nib.load(two).get_fdata())
        np.testing.assert_allclose(nib.load(one).affine, nib.load(two).affine)
    report = json.loads(next((tmp_path / "two" / "out").glob("*_[rp]*.json")).read_text())
    assert report.get("image", report.get("source")) == str(tmp_path / "two")


def references(dataset: pydicom.Dataset) -> set[str]:
    """What an object refers to, by SOPInstanceUID."""
    return {str(e.value) for e in dataset.iterall() if e.keyword == "ReferencedSOPInstanceUID"}


def test_one_bad_series_does_not_stop_the_others(pelvis_phantom: Path, tmp_path: Path) -> None:
    """The results of the good one are written; the run ends with an error that names the other."""
    shutil.copytree(pelvis_phantom, tmp_path / "in" / "good")
    shutil.copytree(pelvis_phantom, tmp_path / "in" / "gap")
    for file in (tmp_path / "in" / "gap").iterdir():
        header = pydicom.dcmread(file)
        header.SeriesInstanceUID += ".1"
        header.save_as(file)
    sorted((tmp_path / "in" / "gap").iterdir())[4].unlink()
    with pytest.raises(RuntimeError) as error:
        infer("prostate", tmp_path / "in", tmp_path / "out", dicom_output="rtdose", write_implausible=True)
    assert "1 of 2 inputs have no results:" in message(error)
    assert "gap: slices are missing" in message(error)
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {
        "inputs.json", "good_page.html",
        *(f"good_{n}" for n in ("rtdose.dcm", "dose.nii.gz", "report.json", "segmentation.nii.gz")),
    }  # fmt: skip


def test_a_series_that_fails_while_it_is_read_does_not_stop_the_others(pelvis_phantom: Path, tmp_path: Path) -> None:
    """Headers do not tell that compressed pixels cannot be decoded."""
    for name in "abc":
        shutil.copytree(pelvis_phantom, tmp_path / "in" / name)
        for file in (tmp_path / "in" / name).iterdir():
            image = pydicom.dcmread(file)
            image.SeriesInstanceUID += f".{ord(name)}"
            if name == "b" and file.name == "CT.004.dcm":
                image.file_meta.TransferSyntaxUID = JPEG2000Lossless
                image.PixelData = encapsulate([b"no JPEG 2000"])
                image["PixelData"].VR, image["PixelData"].is_undefined_length = "OB", True
            image.save_as(file)
    with pytest.raises(RuntimeError) as error:
        infer("prostate", tmp_path / "in", tmp_path / "out", dicom_output=False)
    assert "1 of 3 inputs have no results:\n" in message(error)
    assert "CT.004.dcm: the pixels of the CT slice cannot be decoded" in message(error)
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "inputs.json",
        *(f"{case}_{n}" for case in "ac" for n in ("dose.nii.gz", "page.html", "report.json", "segmentation.nii.gz")),
    }
    assert list(json.loads((tmp_path / "out" / "inputs.json").read_text())) in (["a", "c"], ["a", "b", "c"])


def test_what_cannot_be_written_as_dicom_costs_no_other_result(
    pelvis_phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise KeyError("a header that nobody thought of")

    monkeypatch.setattr("ctan_monai.inference.save_dicom_rt.write_rtdose", fail)
    with pytest.raises(RuntimeError) as error:
        infer("prostate", pelvis_phantom, tmp_path / "out", dicom_output="rtdose", write_implausible=True)
    assert (
        "Some results could not be written:\nCT: SaveDicomRTd: it cannot be used: KeyError: 'a header that"
        in message(error)
    )
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == {"inputs.json", "CT_dose.nii.gz", "CT_page.html", "CT_report.json", "CT_segmentation.nii.gz"}


def test_photographs_beside_a_cut_off_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is found before the run, one in it, as if it had been cut off in between."""
    folder = tmp_path / "in"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(0, 255, (90, 120, 3)).astype(np.uint8)
    for name in "abcd":
        Image.fromarray(pixels).save(folder / f"{name}.jpg", quality=95)
    whole = (folder / "b.jpg").read_bytes()
    (folder / "b.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    claim = ResultsFolder.claim

    def claim_and_cut(results: ResultsFolder, inputs: Any) -> None:
        claim(results, inputs)
        (folder / "c.jpg").write_bytes(whole[: len(whole) // 3])

    monkeypatch.setattr(ResultsFolder, "claim", claim_and_cut)
    with pytest.raises(RuntimeError) as error:
        infer("ham10000", folder, tmp_path / "out", dicom_output=False, size=[96, 128])
    *_, first, second = message(error).splitlines()
    assert "2 of 4 inputs have no results:\n" in message(error)
    assert "b.jpg: is damaged (image file is truncated" in first and "c.jpg: " in second
    rows = (tmp_path / "out" / "predictions.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["case_id", "a", "d"]
