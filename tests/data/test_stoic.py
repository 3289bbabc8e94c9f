# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
from collections import Counter
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from ctan_monai.command.prepare import add_arguments
from ctan_monai.data import read_datalist, stoic_cases
from ctan_monai.data.preparation.split import SECTIONS, stratified_split
from ctan_monai.data.stoic import prepare as stoic_prepare
from ctan_monai.data.stoic.prepare import prepare_stoic
from ctan_monai.data.stoic.release import StoicPatient, age_and_sex, find_release, read_reference
from ctan_monai.imaging.lung_volume import lung_volume
from ctan_monai.imaging.metaimage import read_metaimage
from ctan_monai.inference import find_inputs
from ctan_monai.phantoms import make_stoic_patients, make_stoic_volume
from ctan_monai.transforms import CTReader, LoadLungSlicesd
from ctan_monai.utils import InputError
from ctan_monai.utils.errors import DataError

SMALL = {"size": 48, "spacing": (7.0, 7.0, 10.0)}
EXPECTED = {"size": (48, 48), "spacing": (7.0, 7.0, 10.0), "window": (-1100, 300)}
HEADER = "PatientID,probCOVID,probSevere\n"


def write_release(folder: Path, rows: str, volumes: dict[str, sitk.Image]) -> Path:
    (folder / "metadata").mkdir(parents=True)
    (folder / "data" / "mha").mkdir(parents=True)
    (folder / "metadata" / "reference.csv").write_text(HEADER + rows)
    for name, image in volumes.items():
        sitk.WriteImage(image, str(folder / "data" / "mha" / f"{name}.mha"), useCompression=True)
    return folder


@pytest.fixture(scope="module")
def volume() -> sitk.Image:
    image = make_stoic_volume(StoicPatient("6", True, False))
    image.SetMetaData("PatientAge", "065Y")
    image.SetMetaData("PatientSex", "F")
    return image


@pytest.fixture()
def source(tmp_path: Path, volume: sitk.Image) -> Path:
    """Four patients with one volume's voxels; in the official layout, one folder below."""
    release = write_release(tmp_path / "stoic" / "release", "6,1,0\n10,0,0\n17,1,1\n22,0,0\n", {"6": volume})
    for name in ("10", "17", "22"):
        shutil.copy(release / "data" / "mha" / "6.mha", release / "data" / "mha" / f"{name}.mha")
    return tmp_path / "stoic"


def test_prepared_volume_and_data_list(source: Path, tmp_path: Path, volume: sitk.Image) -> None:
    out = tmp_path / "out"
    datalist = prepare_stoic(source, out, **SMALL)
    assert json.loads((out / "datalist.json").read_text()) == datalist
    cases = [case for section in SECTIONS for case in datalist[section]]
    assert {c["case_id"]: (c["covid"], c["severity"]) for c in cases} == {
        "6": (1, 0), "10": (0, 0), "17": (1, 1), "22": (0, 0),
    }  # fmt: skip
    assert {(c["age"], c["female"], c["lungs_found"]) for c in cases} == {(65, 1, 1)}
    assert all(datalist[section] for section in SECTIONS)
    assert any("too small to split" in note for note in datalist["provenance"]["notes"])
    assert datalist["statistics"]["crops"] == {"lungs": 4}

    image = nib.load(out / "volumes" / "6.nii")
    raw = image.dataobj.get_unscaled()
    assert isinstance(raw, np.memmap) and raw.dtype == np.uint8 and raw.shape[:2] == (48, 48)
    assert raw.flags.f_contiguous  # an axial slice is contiguous
    assert nib.aff2axcodes(image.affine) == ("L", "P", "S")
    assert image.header.get_zooms() == pytest.approx((7.0, 7.0, 10.0))
    hu = image.get_fdata()  # by the header's slope
    assert hu.min() >= -1100 and hu.max() <= 300 + 1e-3
    # A point of the spine and one of the air in front, through the world, in the file and in the release.
    for index in ((24, 4), (24, 40)):
        world = image.affine @ [*index, raw.shape[2] // 2, 1]
        point = volume.TransformPhysicalPointToIndex((-world[0], -world[1], world[2]))
        block = sitk.GetArrayViewFromImage(volume).transpose(2, 1, 0)[tuple(slice(p - 1, p + 2) for p in point)]
        assert hu[(*index, raw.shape[2] // 2)] == pytest.approx(np.clip(block, -1100, 300).mean(), abs=120)

    loaded = LoadLungSlicesd("image", 4, (48, 48))(stoic_cases(out, "training", ["covid"], **EXPECTED)[0])
    assert loaded["image"].shape == (4, 48, 48)


def test_severity_counts_among_covid_positive_patients(source: Path, tmp_path: Path) -> None:
    prepare_stoic(source, tmp_path / "out", **SMALL)
    cases = [case for section in SECTIONS for case in stoic_cases(tmp_path / "out", section, ["covid"], **EXPECTED)]
    assert {case["case_id"]: case["severity_present"] for case in cases} == {"6": 1, "10": 0, "17": 1, "22": 0}


def test_a_config_with_another_geometry(source: Path, tmp_path: Path) -> None:
    prepare_stoic(source, tmp_path / "out", **SMALL)
    other = {**EXPECTED, "spacing": (1.6, 1.6, 2.5)}
    with pytest.raises(DataError, match=r"spacing \[7.0, 7.0, 10.0\], but the config's spacing is \[1.6, 1.6, 2.5\]"):
        stoic_cases(tmp_path / "out", "training", ["covid"], **other)


def test_a_second_run_reuses_what_is_done_and_redoes_what_changed(
    source: Path, tmp_path: Path, volume: sitk.Image
) -> None:
    out, mha = tmp_path / "out", source / "release" / "data" / "mha"
    first = prepare_stoic(source, out, **SMALL)
    before = {path.stem: path.stat().st_mtime_ns for path in out.glob("volumes/*.nii")}
    os.utime(mha / "17.mha")  # copied again, the same
    sitk.WriteImage(volume + 100, str(mha / "10.mha"))
    (out / "volumes" / "22.nii").write_bytes(b"cut off")
    second = prepare_stoic(source, out, **SMALL)
    changed = {p.stem for p in out.glob("volumes/*.nii") if p.stat().st_mtime_ns != before[p.stem]}
    assert changed == {"10", "22"}
    assert {c["case_id"]: c for c in second["training"] if c["case_id"] != "10"} == {
        c["case_id"]: c for c in first["training"] if c["case_id"] != "10"
    }
    assert not list(out.glob("volumes/.*"))
    prepare_stoic(source, out, size=40, spacing=(8.0, 8.0, 10.0))
    assert nib.load(out / "volumes" / "6.nii").shape[:2] == (40, 40)  # other settings: all anew


def test_two_processes_write_the_same(source: Path, tmp_path: Path) -> None:
    one, two = (prepare_stoic(source, tmp_path / str(workers), workers, **SMALL) for workers in (1, 2))
    assert [one[section] for section in SECTIONS] == [two[section] for section in SECTIONS]


def test_bad_volumes_are_skipped_and_named(source: Path, tmp_path: Path, volume: sitk.Image) -> None:
    mha = source / "release" / "data" / "mha"
    reference = source / "release" / "metadata" / "reference.csv"
    reference.write_text(HEADER + "6,1,0\n10,0,0\n17,1,1\n22,0,0\n23,0,0\n30,1,0\n31,0,0\n40,1,0\n")
    (mha / "10.mha").write_bytes((mha / "6.mha").read_bytes()[:5000])
    (mha / "23.mha").write_bytes(b"")
    labels = sitk.Cast(volume > 0, sitk.sitkUInt8)  # as the challenge's baseline test volume: labels, no HU
    sitk.WriteImage(labels, str(mha / "30.mha"))
    sitk.WriteImage(sitk.Compose([volume[:8, :8, :8]] * 3), str(mha / "31.mha"))
    shutil.copy(mha / "6.mha", mha / "99.mha")  # no row
    (mha / "._6.mha").write_bytes(b"rubbish")
    datalist = prepare_stoic(source, tmp_path / "out", **SMALL)
    reasons = {case["case_id"]: case["reason"] for case in datalist["provenance"]["skipped"]}
    assert set(reasons) == {"10", "23", "30", "31", "40"}
    assert "10.mha: cannot be read as a MetaImage volume (5000 bytes): it is cut off" in reasons["10"]
    assert "(0 bytes)" in reasons["23"]
    assert "30.mha: the values go from 0 to 1; expected HU" in reasons["30"]
    assert "31.mha: its shape is (8, 8, 8) with 3 values a voxel" in reasons["31"]
    assert "40.mha: no such file, but metadata/reference.csv lists it" in reasons["40"]
    assert "1 volumes without a row in metadata/reference.csv were not used: 99" in datalist["provenance"]["notes"]
    with pytest.raises(DataError, match="1 patients cannot be used:"):
        prepare_stoic(source, tmp_path / "strict", **SMALL, strict=True)


def damage(file: Path, old: bytes, new: bytes) -> None:
    content = file.read_bytes()
    start = content.index(old) if old else len(content) // 2
    file.write_bytes(content[:start] + new + content[start + len(old or new) :])


@pytest.mark.parametrize("workers", [1, 2])
def test_a_damaged_stream_and_a_header_that_crashes_itk_stop_no_other_patient(
    workers: int, source: Path, tmp_path: Path
) -> None:
    mha = source / "release" / "data" / "mha"
    damage(mha / "10.mha", b"", bytes(4096))
    damage(mha / "22.mha", b"NDims = 3", b"NDims = 1e5")
    datalist = prepare_stoic(source, tmp_path / "out", workers, **SMALL)
    assert sorted(case["case_id"] for section in SECTIONS for case in datalist[section]) == ["17", "6"]
    reasons = {case["case_id"]: case["reason"] for case in datalist["provenance"]["skipped"]}
    assert set(reasons) == {"10", "22"}
    assert "10.mha" in reasons["10"] and "NDims is '1e5'; expected 3" in reasons["22"]
    assert sorted(path.name for path in (tmp_path / "out" / "volumes").iterdir()) == [
        *("17.json", "17.nii", "6.json", "6.nii")
    ]


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "lacks the columns PatientID, probCOVID, probSevere; found none"),
        ("PatientID,probCOVID\n6,1\n", "lacks the columns probSevere"),
        (HEADER, "lists no patient"),
        (HEADER + "6,1,0\n6,1,0\n", "line 3 repeats the PatientID 6"),
        (HEADER + "6,2,0\n", "line 2 has '2' as probCOVID, expected 0 or 1"),
        (HEADER + "6,1,\n", "line 2 has '' as probSevere"),
        (HEADER + "6,1\n", "line 2 has '' as probSevere"),
        (HEADER + "../6,1,0\n", "expected the name of a volume"),
        (HEADER + "6,0,1\n", "probSevere 1 but probCOVID 0; in STOIC, severe implies COVID"),
    ],
)
def test_bad_reference(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "reference.csv"
    path.write_text(text)
    with pytest.raises(DataError) as error:
        read_reference(path)
    assert message in str(error.value) and str(path) in str(error.value)


def test_reference_from_a_spreadsheet(tmp_path: Path) -> None:
    """A byte-order mark, CRLF, decimals and more columns; sorted by number."""
    path = tmp_path / "reference.csv"
    path.write_bytes("\ufeffPatientID,probCOVID,probSevere,note\r\n17,1.0,1.0,x\r\n6,1.0,0.0,\r\n".encode())
    assert read_reference(path) == [StoicPatient("6", True, False), StoicPatient("17", True, True)]
    assert [p.stratum for p in read_reference(path)] == ["covid", "severe"]


@pytest.mark.parametrize("make, named", [(False, "no such folder"), (True, "it holds nothing")])
def test_source_is_no_release(tmp_path: Path, make: bool, named: str) -> None:
    if make:
        (tmp_path / "x").mkdir()
    with pytest.raises(DataError, match=rf"x: not the STOIC release: {named}\. Expected metadata/reference.csv and"):
        find_release(tmp_path / "x")


def test_settings_that_cannot_be(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="size 8 and spacing"):
        prepare_stoic(source, tmp_path / "out", size=8)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"choose another one with --output\."):
        prepare_stoic(source, tmp_path / "file" / "out", **SMALL)


# real data


@pytest.fixture(scope="module")
def real_reference(test_data_dir: Path) -> Path:
    path = test_data_dir / "stoic_labels" / "metadata" / "reference.csv"
    if not path.is_file():
        pytest.skip(f"the real STOIC labels are absent: no '{path}' (set CTAN_TEST_DATA)")
    return path


def test_the_real_labels_and_their_split(real_reference: Path) -> None:
    patients = read_reference(real_reference)
    assert len(patients) == 2000 and (patients[0].patient_id, patients[-1].patient_id) == ("6", "10729")
    assert sum(p.covid for p in patients) == 1205 and sum(p.severe for p in patients) == 301
    strata = {p.patient_id: p.stratum for p in patients}
    assert Counter(strata.values()) == {"negative": 795, "covid": 904, "severe": 301}
    sections = stratified_split(strata, seed=0)
    counts = Counter((sections[p], stratum) for p, stratum in strata.items())
    for share, section in zip((0.7, 0.1, 0.2), SECTIONS, strict=True):
        for stratum, total in (("negative", 795), ("covid", 904), ("severe", 301)):
            assert abs(counts[section, stratum] - share * total) < 1, (section, stratum)
    positive = {s: sum(p.covid for p in patients if sections[p.patient_id] == s) for s in SECTIONS}
    assert sum(positive.values()) == 1205
    assert len(sections) == 2000


def test_the_real_ages_and_sexes_as_headers_spell_them(test_data_dir: Path, volume: sitk.Image) -> None:
    path = test_data_dir / "stoic_labels" / "age_sex_from_mha_headers.csv"
    if not path.is_file():
        pytest.skip(f"the real STOIC ages are absent: no '{path}' (set CTAN_TEST_DATA)")
    image = sitk.Image(2, 2, 2, sitk.sitkInt16)
    found = Counter()
    with path.open() as file:
        for row in csv.DictReader(file):
            image.SetMetaData("PatientAge", row["PatientAge"])
            image.SetMetaData("PatientSex", row["PatientSex"])
            found[tuple(age_and_sex(image).values())] += 1
    assert {age for age, _ in found} == {35, 45, 55, 65, 75, 85}
    assert sum(n for (_, female), n in found.items() if female) == 852
    assert age_and_sex(sitk.Image(2, 2, 2, sitk.sitkInt16)) == {"age": None, "female": None}


def test_the_real_baseline_volume_is_labels_and_refused(test_data_dir: Path) -> None:
    files = list((test_data_dir / "stoic_labels").glob("baseline_test_volume/*.mhd"))
    if not files:
        pytest.skip("the STOIC baseline's test volume is absent (set CTAN_TEST_DATA)")
    assert find_inputs(files[0])[0]["case_id"].startswith("1.0.000")
    reader = CTReader()
    array, meta = reader.get_data(reader.read(files[0]))
    assert array.shape == (512, 512, 194) and set(np.unique(array)) == {0, 1, 2}
    np.testing.assert_allclose(np.linalg.norm(meta["affine"][:3, :3], axis=0), [0.6445, 0.6445, 1.8], atol=1e-3)
    np.testing.assert_allclose(meta["affine"][:3, 3], [157.678, 311.678, -438.4], atol=1e-3)
    with pytest.raises(InputError, match="from 0 to 2; expected HU"):
        lung_volume(read_metaimage(files[0]), (48, 48), (7.0, 7.0, 10.0), (-1100, 300), str(files[0]))


def test_two_real_chest_cts(real_chests: dict[str, Path], tmp_path: Path) -> None:
    """Crops of contrast CTs at 1.5 mm, whose lungs reach their borders."""
    rows = "".join(f"{name},1,0\n" for name in real_chests) + "3,0,0\n"
    release = write_release(tmp_path / "release", rows, {})
    for name, path in real_chests.items():
        shutil.copy(path, release / "data" / "mha" / f"{name}.mha")
    shutil.copy(next(iter(real_chests.values())), release / "data" / "mha" / "3.mha")
    datalist = prepare_stoic(release, tmp_path / "out", size=112, spacing=(3.2, 3.2, 5.0))
    assert datalist["provenance"]["skipped"] == []
    cases = {case["case_id"]: case for section in SECTIONS for case in datalist[section]}
    assert (cases["1"]["age"], cases["1"]["female"], cases["2"]["female"]) == (65, 0, 1)
    for name in real_chests:
        hu = nib.load(tmp_path / "out" / cases[name]["image"]).get_fdata()
        assert ((hu > -950) & (hu < -600)).mean() > 0.02  # aerated lung
        assert hu[..., hu.shape[2] // 2].std() > 100
    assert read_datalist(tmp_path / "out", "training", ["covid", "severity"])


def test_command_line_names_the_data_set(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments("stoic", parser)
    stoic_prepare.run(
        parser.parse_args(
            ["--source", str(source), "--output", str(tmp_path / "out"), "--size", "48", "--spacing", "7", "7", "10"]
        )
    )
    printed = capsys.readouterr().out
    assert "Prepared 2 training, 1 validation, 1 test patients" in printed and "skipped 0" in printed


def test_phantom_rows() -> None:
    rows = make_stoic_patients(60)
    assert (sum(r.covid for r in rows), sum(r.severe for r in rows)) == (36, 12)
    assert all(r.covid for r in rows if r.severe)
    numbers = [int(r.patient_id) for r in rows]
    assert numbers == sorted(set(numbers)) and numbers[-1] > 60
    assert make_stoic_patients(60) == rows != make_stoic_patients(60, seed=1)
    few = make_stoic_patients(10)
    assert Counter(r.stratum for r in few) == {"negative": 4, "covid": 3, "severe": 3}
    with pytest.raises(ValueError, match="at least 10"):
        make_stoic_patients(9)


def test_phantom_volume_depends_on_the_row_and_the_seed_alone(volume: sitk.Image) -> None:
    patient = StoicPatient("6", True, False)
    first, again, other = make_stoic_volume(patient), make_stoic_volume(patient), make_stoic_volume(patient, seed=1)
    array = sitk.GetArrayViewFromImage(first)
    assert first.GetPixelID() == sitk.sitkInt16
    assert (array == sitk.GetArrayViewFromImage(again)).all() and first.GetSize() != other.GetSize()
    assert first.GetMetaData("PatientAge").endswith("5Y") and first.GetMetaData("PatientSex") in "FM"
