# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Files that an interrupted copy left: at any length, each reader refuses them by name or reads what the whole has."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest
from lesions import image_file
from PIL import Image
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    RTPlanStorage,
)

from ctan_monai.data.ham10000.release import find_release
from ctan_monai.data.openkbp.case import prepare_case as prepare_openkbp_case
from ctan_monai.data.openkbp.patient import OpenKBPPatient, read_patient, write_patient
from ctan_monai.data.prostate.prepare import prepare_prostate
from ctan_monai.data.stoic.release import read_reference
from ctan_monai.dicom import (
    ct_series,
    mask_outlines,
    plan_dose,
    read_ct_series,
    read_source,
    read_structures,
    save_dicom,
    write_ct_series,
    write_rtdose,
    write_rtstruct,
)
from ctan_monai.imaging.photos import decode_mask, decode_photo
from ctan_monai.inference import find_images, find_inputs
from ctan_monai.transforms import CTReader
from ctan_monai.utils.errors import DataError

AFFINE = np.diag([-2.0, -3.0, 5.0, 1.0])
HU = np.random.default_rng(0).integers(-1000, 1000, (12, 10, 4)).astype(np.int16)
Read = Callable[[], Any]


def cuts(size: int) -> list[int]:
    """Lengths of a file of so many bytes: all near both ends, and some 100 between."""
    return sorted({*range(0, min(size, 24)), *range(24, size, max(1, size // 100)), *range(max(size - 24, 0), size)})


def check_cuts(file: Path, read: Read, name: str = "") -> int:
    """How many of the cuts are refused; the others must read as the whole file does."""
    whole, content = read(), file.read_bytes()
    refused = 0
    for length in cuts(len(content)):
        file.write_bytes(content[:length])
        try:
            found = read()
        except DataError as error:
            assert (name or file.name) in str(error), f"{length} of {len(content)} bytes: {error}"
            assert "Traceback" not in str(error)
            refused += 1
        else:
            np.testing.assert_equal(found, whole, err_msg=f"{length} of {len(content)} bytes")
    file.write_bytes(content)
    return refused


def volume(path: Path) -> Any:
    (item,) = find_inputs(path)
    reader = CTReader()
    return reader.get_data(reader.read(item["image"]))[0]


@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
def test_nifti(tmp_path: Path, name: str) -> None:
    nib.save(nib.Nifti1Image(HU, AFFINE), tmp_path / name)
    assert check_cuts(tmp_path / name, lambda: volume(tmp_path / name)) > 100


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(("name", "cut"), [("ct.mha", "ct.mha"), ("ct.mhd", "ct.mhd"), ("ct.mhd", "ct")])
def test_metaimage(tmp_path: Path, name: str, cut: str, compressed: bool) -> None:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(HU.transpose(2, 1, 0))
    sitk.WriteImage(image, str(tmp_path / name), useCompression=compressed)
    file = next(path for path in tmp_path.iterdir() if path.name.startswith(cut) and (cut != "ct" or path.name != name))
    assert check_cuts(file, lambda: volume(tmp_path / name), name) > 100
    if file.name != name:
        file.unlink()
        with pytest.raises(DataError, match=rf"{name}: .* there is no {file.name}"):
            find_inputs(tmp_path)


def as_syntax(file: Path, syntax: UID) -> None:
    """Writes a slice anew in a transfer syntax."""
    image = pydicom.dcmread(file)
    if syntax == RLELossless:
        planes = np.frombuffer(image.PixelData, np.uint8).reshape(-1, 2)[:, ::-1].T  # the high bytes first
        runs = [b"".join(bytes([9]) + bytes(p[i : i + 10]) for i in range(0, len(p), 10)) for p in planes]
        table = struct.pack("<16L", 2, 64, 64 + len(runs[0]), *[0] * 13)
        image.PixelData = encapsulate([table + b"".join(runs)])
        image["PixelData"].VR, image["PixelData"].is_undefined_length = "OB", True
    image.file_meta.TransferSyntaxUID = syntax
    save_dicom(image, file)


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless]
)
@pytest.mark.parametrize("number", [1, 3], ids=["between", "last"])
def test_ct_slice(tmp_path: Path, syntax: UID, number: int) -> None:
    """Also the last slice, whose absence leaves no gap."""
    files = write_ct_series(tmp_path, HU, AFFINE)
    for file in files:
        as_syntax(file, syntax)
    np.testing.assert_array_equal(read_ct_series(tmp_path)[0], HU)
    assert check_cuts(files[number], lambda: read_ct_series(tmp_path)[0]) > 100


def undefined_lengths(dataset: Dataset) -> None:
    for element in dataset:
        if element.VR == "SQ":
            element.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
                undefined_lengths(item)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A CT, structures, a plan of one beam, and that beam's dose."""
    write_ct_series(tmp_path / "CT", HU, AFFINE, patient_id="A")
    source = read_source(tmp_path / "CT")
    masks = {name: np.zeros(HU.shape, bool) for name in ("Rectum", "CTV")}
    masks["Rectum"][3:7, 2:6, 1:3] = masks["CTV"][6:9, 4:8, 1:3] = True
    write_rtstruct(tmp_path / "RS.dcm", source, {name: mask_outlines(m, AFFINE) for name, m in masks.items()})
    gray = np.random.default_rng(1).uniform(1, 70, HU.shape)
    write_rtdose(tmp_path / "RD.dcm", source, gray, AFFINE, plan_uid="1.2.3", beam=4)
    rt_plan = pydicom.dcmread(tmp_path / "RD.dcm", stop_before_pixels=True)
    rt_plan.SOPClassUID = rt_plan.file_meta.MediaStorageSOPClassUID = RTPlanStorage
    rt_plan.SOPInstanceUID = rt_plan.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    rt_plan.Modality, beam = "RTPLAN", Dataset()
    beam.BeamNumber, beam.TreatmentDeliveryType = 4, "TREATMENT"
    rt_plan.BeamSequence = [beam]
    save_dicom(rt_plan, tmp_path / "RP.dcm")
    return tmp_path


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_structure_set(plan: Path, syntax: UID, undefined: bool) -> None:
    frame = ct_series(plan / "CT").frame_uid
    dataset = pydicom.dcmread(plan / "RS.dcm")
    if undefined:
        undefined_lengths(dataset)
    dataset.file_meta.TransferSyntaxUID = syntax
    save_dicom(dataset, plan / "RS.dcm")

    def read() -> Any:
        return [(s.name, s.notes, s.contours) for s in read_structures(plan / "RS.dcm", frame)]

    assert check_cuts(plan / "RS.dcm", read) > 90


def test_dose(plan: Path) -> None:
    frame = ct_series(plan / "CT").frame_uid
    assert check_cuts(plan / "RD.dcm", lambda: plan_dose([plan / "RD.dcm"], frame, [plan / "RP.dcm"])[0].gray) > 100


def test_plan_is_left_out_with_a_note(plan: Path) -> None:
    """It only counts the beams."""
    frame = ct_series(plan / "CT").frame_uid
    content = (plan / "RP.dcm").read_bytes()
    whole, notes = plan_dose([plan / "RD.dcm"], frame, [plan / "RP.dcm"])
    assert notes == ["the sum of 1 BEAM doses"]
    for length in cuts(len(content))[:-1]:
        (plan / "RP.dcm").write_bytes(content[:length])
        dose, notes = plan_dose([plan / "RD.dcm"], frame, [plan / "RP.dcm"])
        np.testing.assert_array_equal(dose.gray, whole.gray)
        assert notes[0] == "the sum of 1 BEAM doses; no RTPLAN tells whether these are all"
        assert notes[1:] == [] or "RP.dcm: the RTPLAN file is damaged" in notes[1]


def test_a_damaged_dose_beside_the_plans_is_left_out_with_a_note(plan: Path) -> None:
    write_rtdose(plan / "PLAN.dcm", read_source(plan / "CT"), np.full(HU.shape, 50.0), AFFINE)
    (plan / "RD.dcm").write_bytes((plan / "RD.dcm").read_bytes()[:400])
    dose, (note,) = plan_dose([plan / "PLAN.dcm", plan / "RD.dcm"], ct_series(plan / "CT").frame_uid)
    assert dose.gray.max() == pytest.approx(50) and "RD.dcm: the RTDOSE file is damaged" in note


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
@pytest.mark.parametrize("progressive", [False, True])
def test_photograph(tmp_path: Path, name: str, progressive: bool) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 30, 3)).astype(np.uint8)
    options = {"progressive": True} if progressive and name == "a.jpg" else {}
    Image.fromarray(pixels).save(tmp_path / name, **options)

    def found() -> Any:
        (item,) = find_images(tmp_path / name)
        return np.asarray(Image.open(item["image"]).convert("RGB"))

    def decoded() -> Any:
        return np.asarray(decode_photo((tmp_path / name).read_bytes(), name))

    assert check_cuts(tmp_path / name, found) > 100
    assert check_cuts(tmp_path / name, decoded) > 100


def test_mask(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 2, (40, 30)).astype(np.uint8) * 255).save(tmp_path / "m.png")
    assert check_cuts(tmp_path / "m.png", lambda: decode_mask((tmp_path / "m.png").read_bytes(), "m.png")) > 100


@pytest.mark.parametrize("name", ["ct", "dose", "voxel_dimensions"])
def test_openkbp(tmp_path: Path, name: str) -> None:
    """A file that ends between two rows is whole by itself, and too short for its patient."""
    volume = np.zeros((128, 128, 128))
    volume[30:100:10, 60:70:5, 60:70:5] = 1
    spacing = (3.906, 2.5, 2.25)
    write_patient(tmp_path / "pt_1", OpenKBPPatient((volume * 1064).astype(int), volume * 50, volume > 0, spacing, {}))
    file = tmp_path / "pt_1" / f"{name}.csv"

    def read() -> Any:
        if name == "ct":  # checked where the body is
            prepare_openkbp_case(tmp_path / "pt_1", tmp_path / "out" / "pt_1")
        patient = read_patient(tmp_path / "pt_1")
        return patient.ct if name == "ct" else patient.dose if name == "dose" else patient.spacing

    content = file.read_bytes()
    whole = read()
    ends = [i + 1 for i, byte in enumerate(content) if byte == ord("\n")][:-1]
    near = len(content) if name == "voxel_dimensions" else 2 * 4  # rows in the last two planes
    for length in [*ends[: -near if name != "voxel_dimensions" else None][::3], *cuts(len(content))[::12]]:
        if name != "voxel_dimensions" and length in ends[-near:]:
            continue
        file.write_bytes(content[:length])
        with pytest.raises(DataError, match=f"{name}.csv"):
            read()
    file.write_bytes(content)
    np.testing.assert_equal(read(), whole)


def test_ham10000_zip_and_metadata(tmp_path: Path) -> None:
    rows = "".join(f"HAM_{i},ISIC_{i},nv,histo,50.0,male,back\n" for i in range(9))
    (tmp_path / "HAM10000_metadata.csv").write_text("lesion_id,image_id,dx,dx_type,age,sex,localization\n" + rows)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i in range(3):
            archive.writestr(f"ISIC_{i}.jpg", image_file())
            archive.writestr(f"ISIC_{i}_segmentation.png", image_file(kind="PNG"))
    (tmp_path / "all.zip").write_bytes(buffer.getvalue())

    def contents() -> Any:
        release = find_release(tmp_path)
        return {key: file.read() for key, file in release.images.items()}

    def diagnoses() -> Any:
        """Rows that the file still has must be right; images without a row are skipped by name."""
        rows = find_release(tmp_path).rows
        return all((row.dx, row.lesion_id) == ("nv", f"HAM_{key[5:]}") for key, row in rows.items())

    assert check_cuts(tmp_path / "all.zip", contents) > 100
    assert check_cuts(tmp_path / "HAM10000_metadata.csv", diagnoses) > 20


def test_stoic_reference(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i % 2},{i % 2}\n" for i in range(100, 130))
    (tmp_path / "reference.csv").write_text("PatientID,probCOVID,probSevere\n" + rows)

    def labels() -> Any:
        found = read_reference(tmp_path / "reference.csv")
        return all((p.covid, p.severe) == (bool(int(p.patient_id) % 2),) * 2 for p in found)

    assert check_cuts(tmp_path / "reference.csv", labels) > 50


GRID = {"spacing": (2.0, 3.0, 5.0), "size": (32, 32)}


def patients(folder: Path, names: str = "ABC") -> Path:
    for name in names:
        write_ct_series(folder / name / "CT", np.where(HU > -2000, 40, 0), AFFINE, patient_id=name)
        source = read_source(folder / name / "CT")
        mask = np.zeros(HU.shape, bool)
        mask[3:7, 2:6, 1:3] = True
        write_rtstruct(folder / name / "RS.dcm", source, {"Rectum": mask_outlines(mask, AFFINE)})
        write_rtdose(folder / name / "RD.dcm", source, np.full(HU.shape, 50.0), AFFINE)
    return folder


def undefined(dataset: Dataset) -> None:
    undefined_lengths(dataset)


def set_contour(value: str) -> Callable[[Dataset], None]:
    def edit(dataset: Dataset) -> None:
        dataset.ROIContourSequence[0].ContourSequence[0].ContourData[4] = value

    return edit


def two_numbers(dataset: Dataset) -> None:
    dataset.ROIContourSequence[0].ReferencedROINumber = [1, 2]


def without(keyword: str) -> Callable[[Dataset], None]:
    return lambda dataset: delattr(dataset, keyword)


def having(keyword: str, value: Any) -> Callable[[Dataset], None]:
    return lambda dataset: setattr(dataset, keyword, value)


@pytest.mark.parametrize(
    ("file", "edit", "share"),
    [
        ("RS.dcm", None, 0.02),
        ("RS.dcm", None, 0.06),
        ("RS.dcm", None, 0.5),
        ("RS.dcm", None, 0.98),
        ("RS.dcm", undefined, 0.5),
        ("RS.dcm", set_contour("nan"), 1),
        ("RS.dcm", set_contour("inf"), 1),
        ("RS.dcm", set_contour("1e300"), 1),
        ("RS.dcm", two_numbers, 1),
        ("RD.dcm", None, 0.05),
        ("RD.dcm", None, 0.5),
        ("RD.dcm", None, 0.98),
        ("RD.dcm", having("PixelSpacing", ["2"]), 1),
        ("RD.dcm", having("ImageOrientationPatient", [1, 0, 0]), 1),
        ("RD.dcm", having("GridFrameOffsetVector", ["0", "nan", "2", "3"]), 1),
        ("CT/CT.002.dcm", None, 0.5),
        ("CT/CT.004.dcm", None, 0.05),
        ("CT/CT.004.dcm", None, 0.999),
        ("CT/CT.002.dcm", without("Columns"), 1),
        ("CT/CT.002.dcm", having("ImagePositionPatient", [1, 2]), 1),
        ("CT/CT.002.dcm", having("ImageOrientationPatient", [1, 0, 0]), 1),
        ("CT/CT.002.dcm", having("RescaleSlope", [1, 1]), 1),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_a_damaged_file_is_its_patients_reason_and_the_others_go_on(
    tmp_path: Path, file: str, edit: Callable[[Dataset], None] | None, share: float
) -> None:
    path = patients(tmp_path / "in") / "B" / file
    if edit is not None:
        dataset = pydicom.dcmread(path)
        with pydicom.config.disable_value_validation():
            edit(dataset)
            save_dicom(dataset, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    datalist = prepare_prostate(tmp_path / "in", tmp_path / "out", split="all", **GRID)
    assert [case["case_id"] for case in datalist["training"]] == ["A", "C"]
    (skipped,) = datalist["provenance"]["skipped"]
    assert skipped["case_id"] == "B"
    assert path.name in skipped["reason"] and "report this" not in skipped["reason"]
