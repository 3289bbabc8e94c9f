# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest

from ctan_monai.data import check_grid, read_datalist
from ctan_monai.data.prostate.prepare import prepare_prostate
from ctan_monai.data.prostate.roi_names import match_rois, read_roi_map
from ctan_monai.dicom import mask_outlines, read_source, write_ct_series, write_rtdose, write_rtstruct
from ctan_monai.utils.errors import DataError
from ctan_monai.utils.files import file_sha256

SPACING = (10.0, 10.0, 5.0)
# columns to the patient's left, rows to the back, slices upwards, in RAS mm
AFFINE = np.array([[-10.0, 0, 0, 70], [0, -10.0, 0, 60], [0, 0, 5.0, -30], [0, 0, 0, 1]])
SHAPE = (14, 12, 6)
GRID = {"spacing": SPACING, "size": (16, 16)}
REPEATED = "1 patients are in more than one section: results say nothing about new patients"
NAMES = {"Rectum": 1, "Bladder": 2, "Femur_L": 3, "Femur_R": 4, "CTV": 5}


def masks() -> dict[str, np.ndarray]:
    """Boxes; the CTV shares one row of voxels with the bladder and one with the rectum."""
    boxes = {
        "Rectum": (slice(6, 9), slice(7, 10), slice(0, 6)),
        "Bladder": (slice(5, 9), slice(2, 5), slice(2, 6)),
        "Femur_L": (slice(11, 13), slice(5, 8), slice(0, 4)),
        "Femur_R": (slice(1, 3), slice(5, 8), slice(0, 4)),
        "CTV": (slice(6, 8), slice(4, 8), slice(1, 4)),
    }
    result = {}
    for name, box in boxes.items():
        result[name] = np.zeros(SHAPE, bool)
        result[name][box] = True
    return result


def write_patient(
    folder: Path, patient_id: str, names: tuple[str, ...] = tuple(NAMES), affine: np.ndarray = AFFINE
) -> list[Path]:
    """A patient as DICOM; returns the slices."""
    hu = np.full(SHAPE, -1000.0)
    hu[1:-1, 1:-1] = 40
    hu[11:13, 5:8] = 700  # the left femur
    slices = write_ct_series(folder / "CT", hu, affine, patient_id)
    write_rtstruct(
        folder / "RS.dcm", read_source(slices), {name: mask_outlines(masks()[name], affine) for name in names}
    )
    gray = np.zeros(SHAPE)
    gray[4:10, 3:9] = 60.0
    gray[6:8, 4:8] = 70.0
    write_rtdose(folder / "RD.dcm", read_source(slices), gray, AFFINE)
    return slices


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name in "ABCD":
        write_patient(tmp_path / "release" / f"folder {name}", f"patient {name}")
    return tmp_path / "release"


@pytest.fixture
def patient(tmp_path: Path) -> Path:
    write_patient(tmp_path / "one", "A")
    return tmp_path / "one"


def read(path: Path | str) -> np.ndarray:
    return np.asanyarray(nib.load(path).dataobj)


def reason(source: Path, output: Path) -> str:
    """Why the only patient below a folder cannot be used."""
    with pytest.raises(DataError) as error:
        prepare_prostate(source, output, split="all", **GRID)
    return str(error.value)


def test_volumes_on_both_grids(patient: Path, tmp_path: Path) -> None:
    datalist = prepare_prostate(patient, tmp_path / "out", split="all", **GRID)
    (case,) = read_datalist(tmp_path / "out", "test", ["segmentation", "dose"])
    assert datalist["provenance"]["notes"] == [REPEATED]
    expected = np.zeros(SHAPE, np.uint8)
    for name, label in NAMES.items():  # the CTV comes last and keeps what it shares
        expected[masks()[name]] = label
    own = case["original"]
    np.testing.assert_array_equal(read(own["segmentation"]), expected)
    np.testing.assert_array_equal(read(own["structures"]["bladder"]), masks()["Bladder"])
    np.testing.assert_allclose(read(own["dose"])[6, 5, 2], 70.0, atol=1e-4)
    np.testing.assert_allclose(nib.load(own["image"]).affine, AFFINE)
    assert own["spacing"] == (10.0, 10.0, 5.0)
    # The network's grid has the same spacing here, so that it is the same volume, padded about the body's center.
    image, labels, dose = (nib.load(case[key]) for key in ("image", "segmentation", "dose"))
    assert image.shape == labels.shape == dose.shape == (16, 16, 6)
    assert [i.get_data_dtype() for i in (image, labels, dose)] == [np.int16, np.uint8, np.float32]
    assert nib.aff2axcodes(image.affine) == ("L", "P", "S")
    np.testing.assert_array_equal(read(case["segmentation"])[1:15, 2:14], expected)
    np.testing.assert_allclose(read(case["dose"])[1:15, 2:14], read(own["dose"]), atol=1e-3)
    assert set(np.unique(read(case["image"]))) == {-1024, -1000, 40, 700}, "air beyond the skin's voxels is -1024"
    assert case["segmentation_present"] == (1, 1, 1, 1, 1)
    assert case["body_slices"] == tuple(range(6))
    assert case["sha256"]["cases/A/ct.nii"] == file_sha256(case["image"])


def test_a_feet_first_series_gives_the_same_volumes(patient: Path, tmp_path: Path) -> None:
    prepare_prostate(patient, tmp_path / "out", split="all", **GRID)
    # the same patient with columns to the right and slices downwards
    turned = AFFINE @ np.array([[-1.0, 0, 0, 13], [0, 1, 0, 0], [0, 0, -1.0, 5], [0, 0, 0, 1]])
    hu = read(tmp_path / "out/cases/A/original/ct.nii.gz")[::-1, :, ::-1]
    slices = write_ct_series(tmp_path / "feet" / "CT", hu, turned, "A")
    lines = {name: mask_outlines(mask, AFFINE) for name, mask in masks().items()}
    write_rtstruct(tmp_path / "feet" / "RS.dcm", read_source(slices), lines)
    write_rtdose(
        tmp_path / "feet" / "RD.dcm", read_source(slices), read(tmp_path / "out/cases/A/original/dose.nii.gz"), AFFINE
    )
    prepare_prostate(tmp_path / "feet", tmp_path / "feet_out", split="all", **GRID)
    for name in ("ct.nii", "segmentation.nii", "original/ct.nii.gz", "original/segmentation.nii.gz"):
        first, second = (tmp_path / folder / "cases/A" / name for folder in ("out", "feet_out"))
        np.testing.assert_array_equal(read(first), read(second))
        np.testing.assert_allclose(nib.load(first).affine, nib.load(second).affine, atol=1e-4)


def test_coarser_network_grid(patient: Path, tmp_path: Path) -> None:
    prepare_prostate(patient, tmp_path / "out", split="all", spacing=(20, 20, 10), size=(8, 8))
    (case,) = read_datalist(tmp_path / "out", "training")
    assert nib.load(case["segmentation"]).shape == (8, 8, 3)
    assert case["spacing"] == (20.0, 20.0, 10.0)
    assert nib.load(case["original"]["segmentation"]).shape == SHAPE
    check_grid(tmp_path / "out", [20.0, 20.0, 10.0], [8, 8])
    with pytest.raises(
        DataError, match=r"was prepared on the grid .*20.*, the config has .*3\.0.*--spacing and --size"
    ):
        check_grid(tmp_path / "out", [3.0, 3.0, 3.0], [160, 160])


def test_split_by_patient_and_resume(source: Path, tmp_path: Path) -> None:
    datalist = prepare_prostate(source, tmp_path / "out", seed=1, **GRID)
    sections = {s: [c["case_id"] for c in datalist[s]] for s in ("training", "validation", "test")}
    assert [len(v) for v in sections.values()] == [2, 1, 1]
    assert sorted(name for names in sections.values() for name in names) == [f"patient_{c}" for c in "ABCD"]
    again = prepare_prostate(source, tmp_path / "out", seed=1, **GRID)
    assert {s: [c["case_id"] for c in again[s]] for s in sections} == sections
    records = [json.loads(p.read_text()) for p in sorted((tmp_path / "out").glob("cases/*/case.json"))]
    assert len(records) == 4
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").glob("cases/*/ct.nii")}
    prepare_prostate(source, tmp_path / "out", seed=2, **GRID)  # another split prepares nothing again
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert datalist["statistics"]["organ_volume_cc"]["ctv"] == {"min": 12.0, "max": 12.0, "mean": 12.0, "count": 2}


def test_split_file(source: Path, tmp_path: Path) -> None:
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"training": ["patient A", "patient B"], "validation": ["patient C"], "test": []}))
    datalist = prepare_prostate(source, tmp_path / "out", split=str(split), **GRID)
    assert [c["case_id"] for c in datalist["training"]] == ["patient_A", "patient_B"]
    assert datalist["test"] == []
    split.write_text(json.dumps({"training": ["patient X"]}))
    with pytest.raises(DataError, match="lists the patient 'patient X', who is not there"):
        prepare_prostate(source, tmp_path / "out", split=str(split), **GRID)
    with pytest.raises(DataError, match="--split is neither 'seeded', 'all' nor a JSON file"):
        prepare_prostate(source, tmp_path / "out", split="random", **GRID)


def test_one_patient_needs_split_all(patient: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"patients that can be used: 1, too few to split .*--split all"):
        prepare_prostate(patient, tmp_path / "out", **GRID)


def test_too_few_patients_are_told_with_who_was_skipped_and_why(tmp_path: Path) -> None:
    for name in ("p1", "p2"):
        write_patient(tmp_path / "source" / name, name)
    (tmp_path / "source" / "p2" / "RD.dcm").unlink()
    with pytest.raises(DataError) as error:
        prepare_prostate(tmp_path / "source", tmp_path / "out", **GRID)
    skipped, *_, last = str(error.value).splitlines()
    assert "p2" in str(error.value)
    assert "RTDOSE" in str(error.value)
    assert last.startswith("patients that can be used: 1, too few to split"), skipped


def test_files_are_grouped_by_tags(source: Path, tmp_path: Path) -> None:
    """All files of all patients in one folder, with names that say nothing."""
    (tmp_path / "heap").mkdir()
    for number, file in enumerate(sorted(p for p in source.rglob("*") if p.is_file())):
        shutil.copy(file, tmp_path / "heap" / f"{number:04d}")
    (tmp_path / "heap" / "notes.txt").write_text("no DICOM")
    datalist = prepare_prostate(tmp_path / "heap", tmp_path / "out", **GRID)
    assert datalist["provenance"]["skipped"] == []
    assert len(datalist["training"]) == 2


def test_a_missing_roi_is_noted_and_the_patient_kept(tmp_path: Path) -> None:
    write_patient(tmp_path / "A", "A", ("Rectum", "CTV", "Femur_L"))
    datalist = prepare_prostate(tmp_path / "A", tmp_path / "out", split="all", **GRID)
    assert datalist["training"][0]["segmentation_present"] == [1, 0, 1, 0, 1]
    assert datalist["provenance"]["notes"] == [
        "A: no structure is the bladder by its name",
        "A: no structure is the right_femur by its name",
        REPEATED,
    ]
    assert datalist["provenance"]["roi_names"]["A"] == {"rectum": "Rectum", "left_femur": "Femur_L", "ctv": "CTV"}


def test_no_known_roi(tmp_path: Path) -> None:
    slices = write_patient(tmp_path / "A", "A")
    write_rtstruct(tmp_path / "A" / "RS.dcm", read_source(slices), {"Colon": mask_outlines(masks()["Rectum"], AFFINE)})
    assert "none of its structures ('Colon') is one of rectum, bladder" in reason(tmp_path / "A", tmp_path / "out")
    map_file = tmp_path / "rois.json"
    map_file.write_text('{"rectum": ["colon"]}')
    datalist = prepare_prostate(tmp_path / "A", tmp_path / "out", split="all", roi_map=read_roi_map(map_file), **GRID)
    assert datalist["training"][0]["segmentation_present"] == [1, 0, 0, 0, 0]


def test_a_missing_slice(patient: Path, tmp_path: Path) -> None:
    (patient / "CT" / "CT.003.dcm").unlink()
    assert "slices are missing or unevenly spaced" in reason(patient, tmp_path / "out")


def test_irregular_spacing(patient: Path, tmp_path: Path) -> None:
    file = patient / "CT" / "CT.006.dcm"
    image = pydicom.dcmread(file)
    image.ImagePositionPatient = [*image.ImagePositionPatient[:2], -3.5]
    image.save_as(file)
    assert "slices are missing or unevenly spaced: most are 5.00 mm apart, not" in reason(patient, tmp_path / "out")


def test_a_coronal_series(tmp_path: Path) -> None:
    # columns to the left, rows to the feet, slices to the back
    coronal = np.array([[-10.0, 0, 0, 70], [0, 0, -5.0, 60], [0, -10.0, 0, 30], [0, 0, 0, 1]])
    write_patient(tmp_path / "A", "A")
    shutil.rmtree(tmp_path / "A" / "CT")
    write_ct_series(tmp_path / "A" / "CT", np.zeros(SHAPE), coronal, "A")
    assert "are not axial (LIP)" in reason(tmp_path / "A", tmp_path / "out")


def test_another_frame_of_reference(patient: Path, tmp_path: Path) -> None:
    other = write_patient(tmp_path / "other", "A")
    write_rtstruct(patient / "RS.dcm", read_source(other), {"CTV": mask_outlines(masks()["CTV"], AFFINE)})
    assert "RS.dcm: its structures lie in the frame of reference" in reason(patient, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "message"),
    [("CT", "there is no CT"), ("RS.dcm", r"there is no structure set (RTSTRUCT)"), ("RD.dcm", "there is no dose")],
)
def test_a_part_is_missing(patient: Path, tmp_path: Path, name: str, message: str) -> None:
    if name == "CT":
        shutil.rmtree(patient / "CT")
    else:
        (patient / name).unlink()
    assert message in reason(patient, tmp_path / "out")


def test_a_damaged_file_is_named_and_its_patient_skipped(source: Path, tmp_path: Path) -> None:
    file = source / "folder B" / "CT" / "CT.002.dcm"
    file.write_bytes(file.read_bytes()[:300])
    datalist = prepare_prostate(source, tmp_path / "out", **GRID)
    (skipped,) = datalist["provenance"]["skipped"]
    assert skipped["case_id"] == "patient_B"
    assert "slices are missing" in skipped["reason"]
    assert any("CT.002.dcm: the DICOM file is damaged" in note for note in datalist["provenance"]["notes"])
    with pytest.raises(DataError, match="1 patients cannot be used:\n  patient_B: "):
        prepare_prostate(source, tmp_path / "out", strict=True, **GRID)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none: no such folder, expected a folder with DICOM files"):
        prepare_prostate(tmp_path / "none", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: there are no DICOM files of CT, RTSTRUCT or RTDOSE"):
        prepare_prostate(tmp_path / "empty", tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("RECTUM", "rectum"),
        ("Urinary Bladder", "bladder"),
        ("Femur_L", "left_femur"),
        ("Femur_Head_R", "right_femur"),
        ("FemoralHead_Lt", "left_femur"),
        ("Lt Femoral Head", "left_femur"),
        ("R FEM HEAD", "right_femur"),
        ("Right Femur", "right_femur"),
        ("CTV_Prostate", "ctv"),
        ("ctv 70", "ctv"),
        ("CTV_7000", "ctv"),
    ],
)
def test_names_of_rois(name: str, label: str) -> None:
    assert match_rois(["BODY", name, "PTV", "Rectum_PRV", "Femurs", "CTV_nodes"]) == {label: 1}


@pytest.mark.parametrize(
    ("label", "names"),
    [
        ("rectum", ["Rektum", "ENDDARM", "Mastdarm", "Rektum gesamt", "recto", "Recto "]),
        ("bladder", ["Blase", "Harnblase", "HARNBLASE", "Blase_gesamt", "vessie", "Vejiga"]),
        (
            "left_femur",
            [
                *("Femurkopf li", "Femurkopf_links", "Hüftkopf links", "Hu\u0308ftkopf li", "Hueftkopf_li"),
                *("HÜFTKOPF LI.", "Linker Hüftkopf", "Hüfte links", "Oberschenkelkopf_L", "Femur links"),
                *("Tête fémorale gauche", "Te\u0302te femorale G", "Tete_fem_G", "TF_G", "Fémur gauche", "Femur G"),
                *("tête du fémur gauche", "Cabeza femoral izquierda", "Cab_femoral_izq", "cabeza de fémur izdo"),
                *("Fémur izquierdo", "CF_I", "Femur_I"),
            ],
        ),
        (
            "right_femur",
            [
                *("Femurkopf re", "Hüftkopf rechts", "Hueftkopf_re", "Rechter Hüftkopf", "Femur rechts"),
                *("Tête fémorale droite", "Tete_fem_D", "TFD", "Fémur droit", "Femur D"),
                *("Cabeza femoral derecha", "Cab_femoral_dcha", "Fémur derecho", "Femur_der", "CF_D"),
            ],
        ),
        ("ctv", ["CTV_Próstata", "CTV Prostata", "ctv prostate"]),
    ],
)
def test_german_french_and_spanish_names(label: str, names: list[str]) -> None:
    for name in names:
        assert match_rois(["BODY", name, "Rektumwand", "Hüfte", "Paroi vessie", "Femurkopf"]) == {label: 1}, name


def test_a_users_pattern_has_accents(tmp_path: Path) -> None:
    (tmp_path / "map.json").write_text('{"bladder": ["vésicule"]}', encoding="utf-8")
    roi_map = read_roi_map(tmp_path / "map.json")
    assert match_rois(["Vésicule"], roi_map) == match_rois(["Ve\u0301sicule"], roi_map) == {"bladder": 0}


def test_the_preferred_name_wins_and_equal_ones_are_an_error() -> None:
    assert match_rois(["CTV_High", "CTV", "CTV_Prostate"])["ctv"] == 1
    with pytest.raises(DataError, match=r"'Rectum', 'rectum ' all match 'rectum', the pattern of rectum.*--roi-map"):
        match_rois(["Rectum", "rectum "])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no json", "cannot be read as JSON"),
        ('{"rectum": "colon"}', "is not a map of ROI names"),
        ('{"colon": ["colon"]}', "has the unknown label 'colon'"),
        ('{"rectum": ["("]}', r"'\(' of rectum is not a regular expression"),
    ],
)
def test_a_wrong_roi_map(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "map.json").write_text(content)
    with pytest.raises(DataError, match=message):
        read_roi_map(tmp_path / "map.json")


def test_command(source: Path, tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("prepare_data", repository / "tools" / "prepare_data.py")
    assert spec is not None and spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    (source / "folder A" / "RD.dcm").unlink()
    arguments = ["prostate", "--source", str(source), "--output", str(tmp_path / "out"), "--size", "16"]
    assert tool.main([*arguments, "--spacing", "10", "10", "5"]) == 0
    printed = capsys.readouterr().out
    assert "Prepared 1 training, 1 validation, 1 test patients" in printed
    assert "skipped patient_A: there is no dose (RTDOSE)" in printed


def test_real_plan(test_data_dir: Path, tmp_path: Path) -> None:
    folder = test_data_dir / "pelvis_rt_dicom"
    if not folder.is_dir():
        pytest.skip(f"the real pelvic plan is absent: no '{folder}' (set CTAN_TEST_DATA)")
    prepare_prostate(folder, tmp_path / "out", split="all")
    (case,) = read_datalist(tmp_path / "out", "training", ["segmentation", "dose"])
    assert case["segmentation_present"] == (1, 1, 1, 1, 1)
    with np.load(folder / "pelvis_case_zyx.npz") as arrays:
        for label, name in (("rectum", "Rectum"), ("left_femur", "Femur_L"), ("ctv", "CTV")):
            np.testing.assert_array_equal(read(case["original"]["structures"][label]), arrays[name].transpose(2, 1, 0))
        np.testing.assert_array_equal(read(case["original"]["image"]), arrays["ct_hu"].transpose(2, 1, 0))
    # 3 mm already: the network's grid holds the same voxels
    assert nib.load(case["image"]).shape == (160, 160, 48)
    own, network = (
        np.bincount(read(p).ravel(), minlength=6) for p in (case["original"]["segmentation"], case["segmentation"])
    )
    np.testing.assert_array_equal(own[1:], network[1:])


def test_targets_by_their_names_or_as_they_are_given(patient: Path, tmp_path: Path) -> None:
    """The structures PTV_7000 and PTV2; the network's grid has the prescribed dose in Gy, the nearest voxel's."""
    source = read_source(patient / "CT")
    boost = np.zeros(SHAPE, bool)
    boost[6:8, 4:6, 1:3] = True
    outlines = {name: mask_outlines(mask, AFFINE) for name, mask in {**masks(), "PTV_7000": masks()["CTV"]}.items()}
    write_rtstruct(patient / "RS.dcm", source, outlines)
    datalist = prepare_prostate(patient, tmp_path / "named", split="all", **GRID)
    (case,) = read_datalist(tmp_path / "named", "training", ["dose", "targets"])
    targets, ct = nib.load(case["targets"]), nib.load(case["image"])
    np.testing.assert_allclose(targets.affine, ct.affine)
    gray = read(case["targets"])
    assert set(np.unique(gray)) == {0, 70} and (gray == 70).sum() == masks()["CTV"].sum()
    places = nib.affines.apply_affine(targets.affine, np.argwhere(gray == 70)).mean(axis=0)
    expected = nib.affines.apply_affine(AFFINE, np.argwhere(masks()["CTV"])).mean(axis=0)
    np.testing.assert_allclose(places, expected, atol=1e-4)
    assert not any("targets" in note for note in datalist["provenance"]["notes"])

    write_rtstruct(patient / "RS.dcm", source, {**outlines, "PTV2": mask_outlines(boost, AFFINE)})
    datalist = prepare_prostate(patient, tmp_path / "named", split="all", **GRID)
    assert "the dose of 'PTV2' is unknown" in str(datalist["provenance"]["notes"])
    with pytest.raises(DataError, match="no case of section 'training' has targets"):
        read_datalist(tmp_path / "named", "training", ["dose", "targets"])
    prepare_prostate(patient, tmp_path / "named", split="all", target_doses="ptv2=78,PTV_7000=60", **GRID)
    (case,) = read_datalist(tmp_path / "named", "training", ["dose", "targets"])
    gray = read(case["targets"])
    assert [(gray == dose).sum() for dose in (78, 60)] == [boost.sum(), masks()["CTV"].sum() - boost.sum()]
    with pytest.raises(DataError, match="--target_doses PTV: found 'PTV'"):
        prepare_prostate(patient, tmp_path / "other", split="all", target_doses="PTV", **GRID)
    assert not (tmp_path / "other").exists()


def test_cases_without_targets_are_left_out(source: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = source / "folder A"
    outlines = {"CTV": mask_outlines(masks()["CTV"], AFFINE), "PTV 70": mask_outlines(masks()["CTV"], AFFINE)}
    write_rtstruct(folder / "RS.dcm", read_source(folder / "CT"), outlines)
    prepare_prostate(source, tmp_path / "out", split="all", **GRID)
    (case,) = read_datalist(tmp_path / "out", "training", ["dose", "targets"])
    assert case["case_id"] == "patient_A"
    assert "left out" in caplog.text and "patient_B, patient_C, patient_D" in caplog.text
    assert len(read_datalist(tmp_path / "out", "training")) == 4


def test_patients_in_zips_are_those_of_folders(source: Path, tmp_path: Path) -> None:
    """One zip of two patients, one patient whose CT is in another zip than the rest, and one in a folder."""
    heap = tmp_path / "heap"
    for name in "AB":
        shutil.move(source / f"folder {name}", tmp_path / "AB" / name)
    shutil.make_archive(str(heap / "AB"), "zip", tmp_path / "AB")
    shutil.make_archive(str(heap / "CT of C"), "zip", source / "folder C" / "CT")
    shutil.rmtree(source / "folder C" / "CT")
    shutil.make_archive(str(heap / "rest of C"), "zip", source / "folder C")
    (source / "folder D" / "RD.dcm").unlink()
    shutil.make_archive(str(heap / "D"), "zip", source / "folder D")
    (heap / "damaged.zip").write_bytes(b"PK")
    datalist = prepare_prostate(heap, tmp_path / "out", split="all", **GRID)
    assert [case["case_id"] for case in datalist["training"]] == ["patient_A", "patient_B", "patient_C"]
    assert [case["case_id"] for case in datalist["provenance"]["skipped"]] == ["patient_D"]
    assert any(f"{heap / 'damaged.zip'}: cannot be unpacked" in note for note in datalist["provenance"]["notes"])
    expected = read(datalist_of_one(tmp_path)["segmentation"])
    np.testing.assert_array_equal(read(tmp_path / "out" / datalist["training"][2]["segmentation"]), expected)
    files = datalist["provenance"]["source_sha256"]["patient_C"]
    assert {name.split("/")[0] for name in files} == {"CT of C.zip", "rest of C.zip"}
    before = (tmp_path / "out/cases/patient_C/ct.nii").stat().st_mtime_ns
    prepare_prostate(heap, tmp_path / "out", split="all", **GRID)  # nothing is prepared again
    assert (tmp_path / "out/cases/patient_C/ct.nii").stat().st_mtime_ns == before


def datalist_of_one(tmp_path: Path) -> dict[str, Any]:
    """The prepared patient of :py:func:`write_patient`, from a folder."""
    write_patient(tmp_path / "one" / "X", "X")
    prepare_prostate(tmp_path / "one", tmp_path / "one_out", split="all", **GRID)
    return read_datalist(tmp_path / "one_out", "test", ["segmentation"])[0]
