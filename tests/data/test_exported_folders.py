# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Folders as archives and scanners export them: what is a CT volume, wherever its files lie, and what is none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from dicom_exports import AFFINE, SHAPE, beside, bolus_tracking, change, ct, dose_report, exam_summary, hu, scout
from pydicom.uid import LegacyConvertedEnhancedCTImageStorage, generate_uid

from ctan_monai.dicom import (
    ct_series,
    mask_outlines,
    read_ct_series,
    read_source,
    write_ct_series,
    write_rtdose,
    write_rtstruct,
)
from ctan_monai.inference import ResultsFolder, find_inputs
from ctan_monai.inference.results_folder import image_identity
from ctan_monai.transforms import CTReader
from ctan_monai.utils import InputError


def move(file: Path, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return file.rename(folder / file.name)


def read(item: dict[str, Any]) -> np.ndarray:
    reader = CTReader()
    array, meta = reader.get_data(reader.read(item["image"]))
    np.testing.assert_allclose(meta["affine"], AFFINE)
    return array


@pytest.mark.parametrize(
    "place",
    [
        lambda k: f"IMG{1 if k < 4 else 2}",
        lambda k: f"IMG{k % 2}",
        lambda k: f"DICOM/S{k % 3}/A{k % 2}",
        lambda k: "IMG1" if k == 3 else "IMG2",
        lambda k: "." if k < 4 else "more",
    ],
    ids=["halves", "every other", "six folders", "one slice apart", "folder in folder"],
)
def test_a_series_in_several_folders_is_one_volume(place: Callable[[int], str], tmp_path: Path) -> None:
    for k, file in enumerate(ct(tmp_path / "made")):
        move(file, tmp_path / "in" / place(k))
    shutil.rmtree(tmp_path / "made")
    (item,) = find_inputs(tmp_path / "in", dicom_output=True)
    assert item["case_id"] in ("in", "DICOM")
    np.testing.assert_array_equal(read(item), hu())
    assert len(read_source(item["image"]).slices) == SHAPE[2]
    results = ResultsFolder(tmp_path / "out", "prostate")
    results.claim([item])
    results.file(item["case_id"], "dose.nii.gz")  # writes inputs.json
    assert results.about(item["case_id"])["series_instance_uid"] == image_identity(item["image"])["series_instance_uid"]


def test_a_half_that_lacks_a_slice_is_refused(tmp_path: Path) -> None:
    for k, file in enumerate(ct(tmp_path / "made")):
        move(file, tmp_path / "in" / f"IMG{1 if k < 4 else 2}")
    (tmp_path / "in" / "IMG2" / "CT0.006.dcm").unlink()
    with pytest.raises(InputError, match=r"IMG1 and .*IMG2: slices are missing"):
        find_inputs(tmp_path / "in")


@pytest.mark.parametrize("tags", [{"PatientID": "B"}, {"FrameOfReferenceUID": "1.2.3"}, {"Rows": 3, "Columns": 14}])
def test_folders_that_share_a_series_but_do_not_fit_together(tags: dict[str, Any], tmp_path: Path) -> None:
    for k, file in enumerate(ct(tmp_path / "made")):
        moved = move(file, tmp_path / "in" / f"IMG{1 if k < 4 else 2}")
        if k >= 4:
            change(moved, **tags)
    with pytest.raises(InputError, match=r"IMG1 and .*IMG2: .*give one folder at a time"):
        find_inputs(tmp_path / "in")
    assert [i["case_id"] for i in find_inputs(tmp_path / "in" / "IMG1")] == ["IMG1"]


def test_a_part_that_is_given_alone_is_told(tmp_path: Path) -> None:
    for k, file in enumerate(ct(tmp_path / "made")):
        move(file, tmp_path / "in" / f"IMG{1 if k < 4 else 2}")
    ct(tmp_path / "in" / "other", 1)
    found = find_inputs(tmp_path / "in" / "IMG1")
    assert [i["case_id"] for i in found] == ["IMG1"]
    (line,) = found.left_out
    assert line.startswith(
        f"{tmp_path / 'in' / 'IMG2'}: more images of the CT series 1 'CT', which this input does not"
    )
    shutil.copytree(tmp_path / "in" / "IMG1", tmp_path / "in" / "copy")
    assert find_inputs(tmp_path / "in" / "IMG1").left_out == [line]


def test_a_copy_of_a_series_is_taken_once(tmp_path: Path) -> None:
    shutil.copytree(ct(tmp_path / "a" / "CT")[0].parent, tmp_path / "backup" / "CT")
    found = find_inputs(tmp_path)
    (item,) = found
    np.testing.assert_array_equal(read(item), hu())
    assert found.left_out == [f"{tmp_path / 'backup' / 'CT'}: a copy of another image ({SHAPE[2]} files)"]


def test_images_of_one_uid_that_differ_are_no_copies(tmp_path: Path) -> None:
    files = ct(tmp_path / "a")
    (tmp_path / "b").mkdir()
    change(Path(shutil.copy(files[2], tmp_path / "b")), RescaleIntercept="-1000")
    with pytest.raises(InputError, match="lie at the same position as another"):
        find_inputs(tmp_path)


def test_phases_of_one_series_in_folders_are_volumes_of_their_own(tmp_path: Path) -> None:
    uid = generate_uid()
    for phase in range(3):
        ct(tmp_path / f"T{phase}", phase, SeriesInstanceUID=uid, StudyInstanceUID="1.2", FrameOfReferenceUID="1.3")
    items = find_inputs(tmp_path)
    assert [i["case_id"] for i in items] == ["T0", "T1", "T2"]
    for phase, item in enumerate(items):
        np.testing.assert_array_equal(read(item), hu(phase))


def test_images_without_series_uid_are_one_series_a_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        ct(tmp_path / name, SeriesInstanceUID=None)
    assert [i["case_id"] for i in find_inputs(tmp_path)] == ["a", "b"]


def test_two_series_in_one_folder_are_two_volumes(tmp_path: Path) -> None:
    ct(tmp_path / "CT", 0, SeriesNumber=3)
    ct(tmp_path / "CT", 1, SeriesNumber=5)
    items = find_inputs(tmp_path)
    assert [i["case_id"] for i in items] == ["CT_3", "CT_5"]
    for seed, item in enumerate(items):
        np.testing.assert_array_equal(read(item), hu(seed))


NO_VOLUMES: dict[str, tuple[Callable[[Path, Path], Any], str]] = {
    "scout": (lambda first, folder: scout(first, folder / "1"), "CT localizer (1 files)"),
    "one type": (lambda first, folder: beside(first, folder / "1", ImageType="LOCALIZER"), "CT localizer (1 files)"),
    "dose report": (
        lambda first, folder: dose_report(first, folder / "1"),
        "CT Secondary Capture Image Storage (1 files)",
    ),
    "exam summary": (
        lambda first, folder: exam_summary(first, folder / "1"),
        "CT series 1 'CT' without position, such as a screen shot (1 files)",
    ),
    "one image": (
        lambda first, folder: bolus_tracking(first, folder, 1),
        "CT series 1 'CT' at 1 position, such as bolus tracking (1 files)",
    ),
    "bolus tracking": (bolus_tracking, "CT series 1 'CT' at 1 position, such as bolus tracking (12 files)"),
    "bolus tracking of two slices": (
        lambda first, folder: bolus_tracking(first, folder, positions=2),
        "CT series 1 'CT' at 2 positions, such as bolus tracking (12 files)",
    ),
    "MR": (lambda first, folder: beside(first, folder / "1", Modality="MR"), "MR (1 files)"),
    "SR": (lambda first, folder: beside(first, folder / "1", Modality="SR"), "SR (1 files)"),
}


@pytest.mark.parametrize("name", NO_VOLUMES)
@pytest.mark.parametrize("folder", ["SE1", "SE2"], ids=["in a folder of its own", "among the slices"])
def test_what_is_no_volume_is_left_out_with_a_line(name: str, folder: str, tmp_path: Path) -> None:
    make, line = NO_VOLUMES[name]
    make(ct(tmp_path / "SE2")[0], tmp_path / folder)
    found = find_inputs(tmp_path, dicom_output=True)
    assert found == [{"image": str(tmp_path / "SE2"), "case_id": "SE2"}]
    assert (found.left_out, found.unusable) == ([f"{tmp_path / folder}: {line}"], [])
    np.testing.assert_array_equal(read(found[0]), hu())
    np.testing.assert_array_equal(read_ct_series(tmp_path / "SE2")[0], hu())  # as MONAI Label reads it


@pytest.mark.parametrize("name", NO_VOLUMES)
def test_nothing_but_such_images_is_an_error_that_says_what_they_are(name: str, tmp_path: Path) -> None:
    make, line = NO_VOLUMES[name]
    files = ct(tmp_path / "SE2")
    make(files[0], tmp_path / "SE1")
    shutil.rmtree(tmp_path / "SE2")
    images = {"exam summary": "has no ImagePositionPatient", "one image": "has one slice"}
    tracking = "lie at the same position as another"
    message = images.get(name, tracking if "tracking" in name else line.split(" (")[0])
    with pytest.raises(InputError, match=message):
        find_inputs(tmp_path)


def test_one_bad_volume_does_not_stop_the_others(tmp_path: Path) -> None:
    ct(tmp_path / "a" / "good")
    ct(tmp_path / "b" / "gap")[3].unlink()
    headless = ct(tmp_path / "d" / "headless")[7]
    headless.write_bytes(headless.read_bytes()[:200])
    for file in ct(tmp_path / "e" / "enhanced")[1:]:
        file.unlink()
    change(next((tmp_path / "e" / "enhanced").iterdir()), SOPClassUID=LegacyConvertedEnhancedCTImageStorage)
    source = read_source(tmp_path / "a" / "good")
    write_rtdose(tmp_path / "a" / "good" / "RD.dcm", source, np.ones((20, 20, 8)), AFFINE)
    dose = (tmp_path / "a" / "good" / "RD.dcm").read_bytes()
    (tmp_path / "a" / "good" / "RD.dcm").write_bytes(dose[:-5000])
    found = find_inputs(tmp_path)
    assert [i["case_id"] for i in found] == ["good"]
    reasons = [
        "b/gap: slices are missing",
        "d/headless/.*is damaged",
        "e/enhanced: .*multi-frame",
    ]
    assert len(found.unusable) == len(reasons)
    for reason, line in zip(reasons, found.unusable, strict=True):
        with pytest.raises(InputError, match=reason):
            raise InputError(line)
    assert found.left_out == [f"{tmp_path / 'a' / 'good'}: damaged RTDOSE (1 files)"]


@pytest.mark.parametrize(
    ("series", "names"),
    [
        ("3", ["a_SE3", "b_SE3"]),
        (3, ["a_SE3", "b_SE3"]),
        ("axial 1.5", ["a_SE3"]),
        (["AXIAL 1.5", "5"], ["a_SE3", "SE5"]),
        ("1.2.3.4", ["b_SE3"]),
    ],
)
def test_series_are_chosen(series: Any, names: list[str], tmp_path: Path) -> None:
    ct(tmp_path / "a" / "SE3", 0, SeriesNumber=3, SeriesDescription="AXIAL 1.5")
    ct(tmp_path / "a" / "SE5", 1, SeriesNumber=5, SeriesDescription="CBCT")
    ct(tmp_path / "b" / "SE3", 2, SeriesNumber=3, SeriesInstanceUID="1.2.3.4")
    ct(tmp_path / "b" / "SE4", 3, SeriesNumber=4)[4].unlink()  # cannot be used, but is not wanted
    found = find_inputs(tmp_path, series=series)
    assert [i["case_id"] for i in found] == names
    assert found.unusable == []
    assert f"{tmp_path / 'b' / 'SE4'}: CT series 4 'CT', not chosen by --series (7 files)" in found.left_out
    assert len(found) + len(found.left_out) == 4


def test_a_series_that_is_not_there(tmp_path: Path) -> None:
    ct(tmp_path / "SE3", SeriesNumber=3, SeriesDescription="AXIAL 1.5", SeriesInstanceUID="1.2.3")
    expected = r"--series 4: no CT series has .*There are:\n  series 3 'AXIAL 1\.5' with 8 images \(UID 1\.2\.3\)"
    with pytest.raises(InputError, match=expected):
        find_inputs(tmp_path, series="4")


@pytest.mark.parametrize("split", [False, True])
def test_targets_of_a_structure_set_in_a_folder_of_its_own(split: bool, tmp_path: Path) -> None:
    files = ct(tmp_path / "in" / "SE2")
    source = read_source(tmp_path / "in" / "SE2")
    mask = np.zeros(SHAPE, bool)
    mask[2:5, 2:4, 2:6] = True
    for name, like in (("SE8", source), ("SE9", read_source(ct(tmp_path / "other")))):
        (tmp_path / "in" / name).mkdir()
        write_rtstruct(tmp_path / "in" / name / "RS", like, {"PTV70": mask_outlines(mask, AFFINE)})
    if split:
        for file in files[:3]:
            move(file, tmp_path / "in" / "SE2b")
    found = find_inputs(tmp_path / "in", targets=True)
    (item,) = found
    assert item["targets"] == str(tmp_path / "in" / "SE8" / "RS")
    assert found.left_out == [f"{tmp_path / 'in' / 'SE9'}: RTSTRUCT (1 files)"]


def test_the_end_of_a_run_names_what_has_no_results(tmp_path: Path) -> None:
    ct(tmp_path / "in" / "good")
    ct(tmp_path / "in" / "gap", 1)[3].unlink()
    results = ResultsFolder(tmp_path / "out", "prostate")
    results.claim(find_inputs(tmp_path / "in"))
    with pytest.raises(InputError, match=r"1 of 2 inputs have no results:\n.*gap: slices are missing"):
        results.finish()
    results = ResultsFolder(tmp_path / "out", "prostate")
    results.claim(find_inputs(tmp_path / "in" / "good"))
    results.finish()


@pytest.mark.parametrize("axes", ["LIP", "PIR", "LSA"])
def test_a_reformat_is_left_out_beside_the_axial_series(axes: str, tmp_path: Path) -> None:
    """Coronal and sagittal ones, which a PACS holds beside most axial series; alone, it is an error."""
    ct(tmp_path / "study" / "axial")
    image = nib.Nifti1Image(hu().astype(np.int16), AFFINE)
    turn = nib.orientations.ornt_transform(nib.io_orientation(AFFINE), nib.orientations.axcodes2ornt(axes))
    turned = image.as_reoriented(turn)
    study = pydicom.dcmread(next((tmp_path / "study" / "axial").iterdir())).StudyInstanceUID
    for file in write_ct_series(tmp_path / "study" / "reformat", np.asarray(turned.dataobj), turned.affine):
        change(file, StudyInstanceUID=study)
    found = find_inputs(tmp_path / "study")
    assert [item["image"] for item in found] == [str(tmp_path / "study" / "axial")]
    assert len(found.left_out) == 1 and "not axial, such as a coronal reformat" in found.left_out[0]
    with pytest.raises(InputError, match="not axial"):
        find_inputs(tmp_path / "study" / "reformat")
    with pytest.raises(InputError, match="not axial"):
        ct_series(tmp_path / "study" / "reformat")


def zipped(folder: Path, path: Path) -> Path:
    return Path(shutil.make_archive(str(path.with_suffix("")), "zip", folder))


def test_a_zip_is_what_its_folder_is(tmp_path: Path) -> None:
    files = ct(tmp_path / "in" / "SE2")
    scout(files[0], tmp_path / "in" / "SE1" / "1")
    for file in files[:3]:
        move(file, tmp_path / "in" / "SE2b")
    path = zipped(tmp_path / "in", tmp_path / "study 1.zip")
    found = find_inputs(path, dicom_output=True)
    (item,) = found
    np.testing.assert_array_equal(read(item), hu())
    assert item["case_id"] == "study_1"
    assert found.left_out == [f"{path}/SE1: CT localizer (1 files)"]
    of_folder = image_identity(find_inputs(tmp_path / "in")[0]["image"])
    assert image_identity(item["image"]) == of_folder | {"image": str(path)}


def test_a_series_in_two_zips_and_a_folder(tmp_path: Path) -> None:
    for k, file in enumerate(ct(tmp_path / "made")):
        move(file, tmp_path / ("in" if k > 5 else "parts") / f"CD{k % 3}")
    for k in range(2):
        zipped(tmp_path / "parts" / f"CD{k}", tmp_path / "in" / f"CD{k}.zip")
    shutil.copytree(tmp_path / "parts" / "CD2", tmp_path / "in" / "CD2")
    (item,) = find_inputs(tmp_path / "in")
    assert item["case_id"] == "in"
    np.testing.assert_array_equal(read(item), hu())


def test_zips_and_other_volumes_in_a_folder(tmp_path: Path) -> None:
    for seed, name in enumerate(("A", "B")):
        ct(tmp_path / "made" / name / "CT", seed)
        (tmp_path / "in" / name).mkdir(parents=True)
        zipped(tmp_path / "made" / name, tmp_path / "in" / name / "export.zip")
    ct(tmp_path / "made" / "C" / "CT", 2)[3].unlink()
    zipped(tmp_path / "made" / "C", tmp_path / "in" / "gap.zip")
    nib.save(nib.Nifti1Image(hu(7).astype(np.int16), AFFINE), tmp_path / "made" / "ct.nii.gz")
    (tmp_path / "made" / "n").mkdir()
    shutil.copy(tmp_path / "made" / "ct.nii.gz", tmp_path / "made" / "n")
    zipped(tmp_path / "made" / "n", tmp_path / "in" / "nifti.zip")
    (tmp_path / "in" / "no.zip").write_bytes(b"PK")
    found = find_inputs(tmp_path / "in")
    assert {i["case_id"] for i in found} == {"A_export.zip_CT", "B_export.zip_CT", "ct"}
    assert [len(found.unusable), "in/no.zip: cannot be unpacked" in found.unusable[0]] == [2, True]
    assert f"{tmp_path / 'in' / 'gap.zip'}/CT: slices are missing" in found.unusable[1]
    np.testing.assert_array_equal(read(next(i for i in found if i["case_id"] == "B_export.zip_CT")), hu(1))
    np.testing.assert_array_equal(read(next(i for i in found if i["case_id"] == "ct")), hu(7))
