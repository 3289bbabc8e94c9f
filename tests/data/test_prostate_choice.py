# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Prostate patients as planning systems export them: empty templates, several CTs, structure sets and plans."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTPlanStorage, generate_uid
from support import run_tool

from ctan_monai.data import independent_units, read_datalist
from ctan_monai.data.prostate.prepare import prepare_prostate
from ctan_monai.dicom import (
    Choice,
    mask_outlines,
    read_source,
    save_dicom,
    write_ct_series,
    write_rtdose,
    write_rtstruct,
)
from ctan_monai.inference import find_inputs
from ctan_monai.transforms.read_targets import read_targets
from ctan_monai.utils.errors import DataError

AFFINE = np.array([[-10.0, 0, 0, 70], [0, -10.0, 0, 60], [0, 0, 5.0, -30], [0, 0, 0, 1]])
SHAPE = (14, 12, 6)
GRID: dict[str, Any] = {"spacing": (10.0, 10.0, 5.0), "size": (16, 16)}


def box(x: int = 6, y: int = 4, width: int = 3) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[x : x + width, y : y + 3, 1:4] = True
    return mask


class Export:
    """A patient's folder, to which files are added; all lie in the frame of reference of the planning CT."""

    def __init__(self, folder: Path, patient_id: str = "A") -> None:
        self.folder = folder
        hu = np.full(SHAPE, -1000.0)
        hu[1:-1, 1:-1] = 40
        self.slices = write_ct_series(folder / "CT", hu, AFFINE, patient_id, "planning")
        self.source = read_source(self.slices)

    def structures(self, name: str = "RS.dcm", rois: dict[str, np.ndarray] | None = None, **tags: Any) -> str:
        """Writes a structure set and returns its SOPInstanceUID; an ROI without voxels has no contours."""
        outlines = {roi: mask_outlines(mask, AFFINE) for roi, mask in (rois or {"Rectum": box()}).items()}
        write_rtstruct(self.folder / name, self.source, outlines)
        return self.change(name, lambda dataset: [setattr(dataset, key, value) for key, value in tags.items()])

    def dose(self, name: str = "RD.dcm", gray: float = 50.0, plan: str | None = None, **tags: Any) -> None:
        """Writes the dose of a plan, the same everywhere."""
        affine = tags.pop("affine", AFFINE)
        shape = tags.pop("shape", SHAPE)
        beam = tags.pop("beam", None)
        write_rtdose(self.folder / name, self.source, np.full(shape, gray), affine, plan_uid=plan, beam=beam)
        self.change(name, lambda dataset: [setattr(dataset, key, value) for key, value in tags.items()])

    def plan(self, label: str, structures: str = "", status: str = "UNAPPROVED") -> str:
        """Writes an RTPLAN and returns its SOPInstanceUID."""
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = RTPlanStorage
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dataset.Modality, dataset.PatientID = "RTPLAN", self.source.slices[0].PatientID
        dataset.RTPlanLabel, dataset.ApprovalStatus = label, status
        if structures:
            item = Dataset()
            item.ReferencedSOPInstanceUID = structures
            dataset.ReferencedStructureSetSequence = [item]
        save_dicom(dataset, self.folder / f"RP {label}.dcm")
        return str(dataset.SOPInstanceUID)

    def change(self, name: str, edit: Callable[[Dataset], Any]) -> str:
        dataset = pydicom.dcmread(self.folder / name)
        with disable_value_validation():
            edit(dataset)
            save_dicom(dataset, self.folder / name)
        return str(dataset.SOPInstanceUID)


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path / "in" / "A")


def prepare(tmp_path: Path, **choice: Any) -> dict[str, Any]:
    return prepare_prostate(tmp_path / "in", tmp_path / "out", split="all", choice=Choice(**choice), **GRID)


def reason(tmp_path: Path, **choice: Any) -> str:
    with pytest.raises(DataError) as error:
        prepare(tmp_path, **choice)
    return str(error.value)


def volume(tmp_path: Path, name: str, case: str = "A") -> np.ndarray:
    return np.asanyarray(nib.load(tmp_path / "out" / "cases" / case / "original" / f"{name}.nii.gz").dataobj)


EMPTY = np.zeros(SHAPE, bool)


@pytest.mark.parametrize(
    ("label", "template", "drawn"),
    [
        ("ctv", "CTV", "CTV_7000"),
        ("rectum", "Rectum", "Rectum_whole"),
        ("rectum", "rectum", "Rectum"),
        ("left_femur", "Femur_L", "FemoralHead_L"),
        ("bladder", "Bladder", "Harnblase"),
    ],
)
def test_an_empty_structure_is_no_candidate(
    label: str, template: str, drawn: str, export: Export, tmp_path: Path
) -> None:
    export.structures(rois={template: EMPTY, "PTV": EMPTY, drawn: box()})
    export.dose()
    datalist = prepare(tmp_path)
    assert datalist["provenance"]["roi_names"]["A"] == {label: drawn}
    np.testing.assert_array_equal(volume(tmp_path, label), box())
    assert not any("has no contour" in note for note in datalist["provenance"]["notes"])


def test_points_and_contours_beyond_the_ct_do_not_hide_a_drawn_structure(export: Export, tmp_path: Path) -> None:
    export.structures(rois={"CTV": box(), "CTV_Prostate": box(3), "Rectum": box(), "Rectum_whole": box(8)})
    export.dose()

    def edit(dataset: Dataset) -> None:
        for contour in dataset.ROIContourSequence[0].ContourSequence:
            contour.ContourGeometricType = "POINT"
        for contour in dataset.ROIContourSequence[2].ContourSequence:
            contour.ContourData = [value + 1000 * (k % 3 == 2) for k, value in enumerate(contour.ContourData)]

    export.change("RS.dcm", edit)
    datalist = prepare(tmp_path)
    assert datalist["provenance"]["roi_names"]["A"] == {"rectum": "Rectum_whole", "ctv": "CTV_Prostate"}
    np.testing.assert_array_equal(volume(tmp_path, "rectum"), box(8))
    assert any("'Rectum' (rectum) has no contour on the CT" in note for note in datalist["provenance"]["notes"])


def test_a_label_that_is_empty_alone_is_noted(export: Export, tmp_path: Path) -> None:
    export.structures(rois={"CTV": EMPTY, "Rectum": box()})
    export.dose()
    datalist = prepare(tmp_path)
    assert datalist["training"][0]["segmentation_present"] == [1, 0, 0, 0, 0]
    assert "A: 'CTV' (ctv) has no contour on the CT, taken as not contoured" in datalist["provenance"]["notes"]


def set_frame(*numbers: int, frame: str = "1.2.3") -> Callable[[Dataset], None]:
    def edit(dataset: Dataset) -> None:
        for number in numbers:
            dataset.StructureSetROISequence[number].ReferencedFrameOfReferenceUID = frame

    return edit


def test_a_structure_in_another_frame_is_left_out(export: Export, tmp_path: Path) -> None:
    """Empty, not used, preferred to one in the CT's frame, or the only one of its label."""
    rois = {"Couch": EMPTY, "PTV": box(), "CTV": box(3), "CTV_High": box(8), "Bladder": box(2, 2), "Rectum": box()}
    export.structures(rois=rois)
    export.dose()
    export.change("RS.dcm", set_frame(0, 1, 2, 4))
    datalist = prepare(tmp_path)
    assert datalist["provenance"]["roi_names"]["A"] == {"rectum": "Rectum", "ctv": "CTV_High"}
    notes = [note for note in datalist["provenance"]["notes"] if "another frame" in note]
    assert notes == ["A: 'Bladder' lies in another frame of reference (1.2.3), taken as not contoured"]
    export.change("RS.dcm", set_frame(*range(6)))
    assert "its structures lie in the frame of reference 1.2.3" in reason(tmp_path)


@pytest.mark.parametrize("damage", [["1", "2"], ["nan", "1", "1"] * 4, ["x"] * 12, ["1e300"] * 12])
def test_a_damaged_structure_matters_where_it_is_used(damage: list[str], export: Export, tmp_path: Path) -> None:
    def edit(number: int) -> Callable[[Dataset], None]:
        def of_one(dataset: Dataset) -> None:
            item = dataset.ROIContourSequence[number].ContourSequence[0]["ContourData"]
            item.VR, item.value = "LO", damage

        return of_one

    for number, name in enumerate(("Couch", "CTV_old", "Rectum")):
        export.structures(rois={"Couch": box(3), "CTV_old": box(2), "Rectum": box()})
        export.dose()
        export.change("RS.dcm", edit(number))
        if name == "Rectum":
            assert "RS.dcm" in reason(tmp_path)
        else:
            assert prepare(tmp_path)["provenance"]["roi_names"]["A"] == {"rectum": "Rectum"}, name


def test_the_ct_in_the_structures_frame_is_taken(export: Export, tmp_path: Path) -> None:
    """A CBCT and a diagnostic CT beside the planning CT, one of them with a damaged slice, one with structures."""
    export.structures()
    export.dose()
    cbct = write_ct_series(export.folder / "CBCT", np.zeros(SHAPE), AFFINE, "A", "CBCT")
    cbct[2].write_bytes(cbct[2].read_bytes()[:-30])
    other = write_ct_series(export.folder / "other", np.zeros(SHAPE), AFFINE, "A", "other")
    write_rtstruct(export.folder / "RS2.dcm", read_source(other), {"Rectum": mask_outlines(box(2), AFFINE)})
    datalist = prepare(tmp_path)
    assert [case["case_id"] for case in datalist["training"]] == ["A"]
    np.testing.assert_array_equal(volume(tmp_path, "rectum"), box())
    assert volume(tmp_path, "ct").max() == 40
    notes = [note for note in datalist["provenance"]["notes"] if "another frame" in note]
    assert [note.split(" in another")[0] for note in notes] == ["A: 12 CT images", "A: 1 structure sets"]


@pytest.mark.parametrize("named", [True, False])
def test_of_two_cts_in_one_frame_the_structures_name_theirs(named: bool, export: Export, tmp_path: Path) -> None:
    export.structures()
    export.dose()
    for file in write_ct_series(export.folder / "CBCT", np.full(SHAPE, 7), AFFINE, "A", "CBCT"):
        dataset = pydicom.dcmread(file)
        dataset.FrameOfReferenceUID = export.source.slices[0].FrameOfReferenceUID
        save_dicom(dataset, file)
    if not named:
        export.change("RS.dcm", lambda d: delattr(d.ReferencedFrameOfReferenceSequence[0], "RTReferencedStudySequence"))
        assert "there are 2 CT series, expected one: series 1 'CBCT' with 6 images" in reason(tmp_path)
        assert "no CT series has this SeriesInstanceUID" in reason(tmp_path, series=("absent",))
    datalist = prepare(tmp_path, series=() if named else ("Planning",))
    assert any("CT series 1 'planning'" in note and "of 2" in note for note in datalist["provenance"]["notes"])
    assert set(np.unique(volume(tmp_path, "ct"))) == {-1000, 40}


def test_two_patients_of_one_id_are_two_cases_of_one_section(tmp_path: Path) -> None:
    for folder, patient_id in (("first", "ANON"), ("second", "ANON"), ("c", "C"), ("d", "D"), ("e", "E")):
        one = Export(tmp_path / "in" / folder, patient_id)
        one.structures(rois={"Rectum": box(3 if folder == "second" else 6)})
        one.dose()
    seen = set()
    for seed in range(6):
        datalist = prepare_prostate(tmp_path / "in", tmp_path / "out", seed=seed, **GRID)
        sections = [
            section
            for section in ("training", "validation", "test")
            for case in datalist[section]
            if case["case_id"].startswith("ANON")
        ]
        assert len(sections) == 2 and len(set(sections)) == 1
        seen |= set(sections)
    assert len(seen) > 1
    np.testing.assert_array_equal(volume(tmp_path, "rectum", "ANON"), box())
    np.testing.assert_array_equal(volume(tmp_path, "rectum", "ANON_2"), box(3))
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"training": ["C"], "validation": ["D"], "test": ["ANON"]}))
    datalist = prepare_prostate(tmp_path / "in", tmp_path / "out", split=str(split), **GRID)
    assert [case["case_id"] for case in datalist["test"]] == ["ANON", "ANON_2"]
    assert independent_units(read_datalist(tmp_path / "out", "test")) == ["ANON", "ANON"]
    assert independent_units(read_datalist(tmp_path / "out", "training")) == ["C"]


def test_structure_sets_by_label_plan_and_approval(export: Export, tmp_path: Path) -> None:
    export.structures("RS1.dcm", {"Rectum": box(3)}, StructureSetLabel="first")
    second = export.structures("RS2.dcm", {"Rectum": box(6)}, StructureSetLabel="Second")
    export.structures("RS3.dcm", {"Rectum": box(8)}, StructureSetLabel="third", ApprovalStatus="APPROVED")
    shutil.copy(export.folder / "RS3.dcm", export.folder / "copy.dcm")
    export.dose(plan=export.plan("P", second))

    def taken(**choice: Any) -> int:
        datalist = prepare(tmp_path, **choice)
        assert any("structure set '" in note and "of 3" in note for note in datalist["provenance"]["notes"])
        return int(np.flatnonzero(volume(tmp_path, "rectum").any(axis=(1, 2)))[0])

    assert taken(structure_sets=("FIRST", "of other patients")) == 3
    assert taken() == 6, "the plan's"
    (export.folder / "RP P.dcm").unlink()
    assert taken() == 8, "the approved one"
    export.change("RS1.dcm", lambda dataset: setattr(dataset, "ApprovalStatus", "APPROVED"))
    message = reason(tmp_path)
    assert "there are 3 structure sets ('first' (" in message and "approved, RS1.dcm" in message
    assert "--structure-set" in message
    assert "there are 3 structure sets" in reason(tmp_path, structure_sets=("absent",)), "a name is never guessed"
    assert taken(structure_sets=("second",)) == 6


def test_plans_by_label_approval_or_summed(export: Export, tmp_path: Path) -> None:
    rectum = export.structures()
    export.dose("RD1.dcm", 46, export.plan("Prostate", rectum))
    finer = AFFINE @ np.diag([0.5, 0.5, 1, 1])
    export.dose("RD2.dcm", 30, export.plan("Boost", rectum), affine=finer, shape=(28, 24, 6))
    shutil.copy(export.folder / "RD1.dcm", export.folder / "copy.dcm")

    def dose(**choice: Any) -> float:
        prepare(tmp_path, **choice)
        return float(volume(tmp_path, "dose")[6, 5, 2])

    message = reason(tmp_path)
    assert "there are 2 plan doses (RD1.dcm, RD2.dcm), expected the dose of one plan: 'Prostate' (unapproved" in message
    assert "--plan" in message and "--sum-plans" in message
    assert dose(plans=("boost",)) == pytest.approx(30, abs=1e-3)
    assert dose(sum_plans=True) == pytest.approx(76, abs=1e-3)
    assert dose(sum_plans=True, plans=("Prostate", "of others")) == pytest.approx(46, abs=1e-3)
    assert "there are 2 plan doses" in reason(tmp_path, plans=("absent",)), "a name is never guessed"
    export.change("RP Prostate.dcm", lambda dataset: setattr(dataset, "ApprovalStatus", "APPROVED"))
    assert dose() == pytest.approx(46, abs=1e-3)
    export.change("RP Prostate.dcm", lambda dataset: setattr(dataset, "ApprovalStatus", "REJECTED"))
    assert dose() == pytest.approx(30, abs=1e-3)
    assert dose(sum_plans=True) == pytest.approx(30, abs=1e-3), "a rejected plan is no part of a sum"


def test_a_boost_as_beam_doses_and_the_dose_of_all_plans(export: Export, tmp_path: Path) -> None:
    export.structures()
    export.dose("RD1.dcm", 46, export.plan("Prostate"))
    boost = export.plan("Boost")
    for beam in (1, 2):
        export.dose(f"RD2.{beam}.dcm", 15, boost, beam=beam)
    assert "belong to 2 plans" in reason(tmp_path)
    prepare(tmp_path, sum_plans=True)
    np.testing.assert_allclose(volume(tmp_path, "dose"), 76, atol=1e-3)
    for file in export.folder.glob("RD*"):
        file.unlink()
    export.dose("RD.dcm", 70, DoseSummationType="MULTI_PLAN")
    assert "DoseSummationType is MULTI_PLAN" in reason(tmp_path)
    prepare(tmp_path, sum_plans=True)
    np.testing.assert_allclose(volume(tmp_path, "dose"), 70, atol=1e-3)


def test_names_of_a_cohort(tmp_path: Path) -> None:
    for patient, rois in (("A", ("Rectum", "Blase")), ("B", ("Rectum", "Vessie", "PTV")), ("C", ("rectum",))):
        one = Export(tmp_path / "in" / patient, patient)
        one.structures(rois={name: EMPTY if name == "PTV" else box() for name in (*rois, "Sigma")})
    (tmp_path / "in" / "C" / "RS2.dcm").write_bytes((tmp_path / "in" / "C" / "RS.dcm").read_bytes()[:900])
    command = ["tools/prepare_data.py", "prostate", "--source", str(tmp_path / "in")]
    done = run_tool(*command, "--list-rois")
    assert done.returncode == 0, done.stderr
    heading, *rows = done.stdout.splitlines()
    assert heading.startswith("4 structure sets of 3 patients")
    assert [row.split() for row in rows[:-1]] == [
        ["label", "name", "drawn", "in", "empty", "in"],
        ["rectum", "Rectum", "2", "0"],
        ["rectum", "rectum", "1", "0"],
        ["bladder", "Blase", "1", "0"],
        ["bladder", "Vessie", "1", "0"],
        ["-", "Sigma", "3", "0"],
        ["-", "PTV", "0", "1"],
    ]
    assert "RS2.dcm: the RTSTRUCT file is damaged" in rows[-1]
    done = run_tool(*command)
    assert done.returncode == 2 and "--output is missing" in done.stderr


def test_labels_that_no_patient_has_are_told_with_the_names_there_are(tmp_path: Path) -> None:
    one = Export(tmp_path / "in", "A")
    one.structures(rois={"CTV": box(), "Mastdarm innen": box(3), "Harnroehre": box(8)})
    one.dose()
    command = ["tools/prepare_data.py", "prostate", "--source", str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    done = run_tool(*command, "--split", "all", "--spacing", "10", "10", "5", "--size", "16")
    assert done.returncode == 0, done.stderr
    assert "rectum in 0 of 1" in done.stdout and "ctv in 1 of 1" in done.stdout and "--list-rois" in done.stdout
    listed = "no structure is the rectum by its name; the other names are 'Mastdarm innen', 'Harnroehre'"
    assert listed in done.stdout


def test_inference_takes_targets_of_such_structure_sets(export: Export, tmp_path: Path) -> None:
    """An empty twin, a damaged structure that is none of the targets, and one in another frame of reference."""
    export.structures("CT/RS.dcm", {"PTV70": EMPTY, "ptv70 ": box(), "Couch": box(2), "PTV_Couch": box(9)})
    export.change("CT/RS.dcm", set_frame(3))
    export.change("CT/RS.dcm", lambda d: setattr(d.ROIContourSequence[2].ContourSequence[0], "ContourData", ["1", "2"]))
    (item,) = find_inputs(export.folder / "CT", targets=True)
    for doses in (None, "PTV70=70"):
        (target,) = read_targets(item["targets"], item["image"], doses)
        np.testing.assert_array_equal(target.array > 0, box())
