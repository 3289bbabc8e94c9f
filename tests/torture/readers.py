# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The readers of files from outside, each with small valid files that the package's own phantoms and writers make."""

from __future__ import annotations

import gzip
import json
import random
import shutil
import uuid
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import torch
from PIL import Image
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    LegacyConvertedEnhancedCTImageStorage,
    RLELossless,
    RTPlanStorage,
)
from torch import nn
from torture.damage import damage, damage_dicom, damage_json

from ctan_monai.bundle import load_weights
from ctan_monai.comparison.collect import load_result, read_result
from ctan_monai.comparison.plan import Run
from ctan_monai.data import describe_data, expand_slices, read_datalist
from ctan_monai.data.datalist import check_grid
from ctan_monai.data.ham10000.release import find_release
from ctan_monai.data.openkbp.patient import SHAPE, read_patient, write_patient
from ctan_monai.data.openkbp.sparse_csv import write_sparse_csv
from ctan_monai.data.preparation.case_folder import write_case_folder
from ctan_monai.data.prostate.prepare import _read_split
from ctan_monai.data.prostate.roi_names import read_roi_map
from ctan_monai.data.stoic.case import _read_record
from ctan_monai.data.stoic.release import age_and_sex, read_reference
from ctan_monai.dicom import (
    find_rt_patients,
    mask_outlines,
    plan_dose,
    read_source,
    read_structures,
    write_ct_series,
    write_rtdose,
    write_rtstruct,
)
from ctan_monai.evaluation.openkbp_score import read_prediction
from ctan_monai.imaging.metaimage import read_metaimage
from ctan_monai.imaging.photos import decode_mask, decode_photo, read_mask, read_photo
from ctan_monai.inference import ReportPlausibilityd
from ctan_monai.inference.ct_inputs import find_inputs
from ctan_monai.inference.photo_inputs import find_images
from ctan_monai.inference.results_folder import ResultsFolder
from ctan_monai.metrics import comparison_metrics
from ctan_monai.packing.packed_configs import packed_config, packed_metadata, read_record
from ctan_monai.packing.texts import evaluation_results, evaluation_summary
from ctan_monai.phantoms.ham10000 import write_ham10000_phantom
from ctan_monai.phantoms.openkbp import make_openkbp_patient
from ctan_monai.transforms import CTReader
from ctan_monai.transforms.read_targets import read_targets
from ctan_monai.utils.errors import InputError, content_of

__all__ = ["READERS", "Reader", "make_files"]

REPOSITORY = Path(__file__).parents[2]
FRAME = "1.2.826.0.1.3680043.8.498.1"
Damage = Callable[[random.Random, bytes], tuple[str, bytes]]


@dataclass(frozen=True)
class Reader:
    """What reads a kind of file.

    Attributes:
        name: for the table.
        make: writes folders below the one that it is given, each with a whole valid input.
        damaged: pattern of the names of the files that are damaged, one at a time.
        read: of such a folder, the value that is compared.
        kinds: of damage, chosen with equal chance.
        checksummed: the format has a checksum of its content, so that no damaged content may be accepted.
        cuts: why a file that was cut off may be accepted with another value; empty: it may not.
        errors: beside DataError, those that the commands turn into one line.
    """

    name: str
    make: Callable[[Path], None]
    damaged: str
    read: Callable[[Path], Any]
    kinds: tuple[Damage, ...] = (damage,)
    checksummed: bool = False
    cuts: str = ""
    errors: tuple[type[Exception], ...] = ()


def _hu() -> np.ndarray:
    return np.random.default_rng(0).integers(-1000, 1000, (14, 11, 6)).astype(np.int16)


AFFINE = np.array([[-2.0, 0, 0, 30], [0, -3, 0, -40], [0, 0, 5, 100.5], [0, 0, 0, 1]])


# CT volumes


def _nifti(folder: Path, suffix: str) -> None:
    for name, kind in (("a", np.int16), ("b", np.float32)):
        (folder / name).mkdir()
        image = nib.Nifti1Image(_hu().astype(kind), AFFINE)
        image.header.set_sform(AFFINE, 1)
        nib.save(image, folder / name / f"ct{suffix}")


def _metaimage(folder: Path, suffix: str, compressed: bool) -> None:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(_hu().transpose(2, 1, 0))
    image.SetSpacing((2.0, 3.0, 5.0))
    image.SetMetaData("PatientAge", "065Y")
    image.SetMetaData("PatientSex", "F")
    (folder / "a").mkdir()
    sitk.WriteImage(image, str(folder / "a" / f"ct{suffix}"), compressed)


def _read_ct(folder: Path) -> Any:
    found = find_inputs(folder)
    if len(found) != 1 or found.unusable:
        raise InputError("\n".join([*found.unusable, *found.left_out, str(folder)]))
    reader = CTReader()
    array, meta = reader.get_data(reader.read(found[0]["image"]))
    return {"hu": np.asarray(array), "affine": np.asarray(meta["affine"]), "told": found.left_out}


def _read_stoic_volume(folder: Path) -> Any:
    import SimpleITK as sitk

    image = read_metaimage(folder / "ct.mha")
    place = [*image.GetSpacing(), *image.GetOrigin()]
    return {"hu": sitk.GetArrayFromImage(image), "place": place, **age_and_sex(image)}


def _inside(unpack: Callable[[bytes], bytes], pack: Callable[[bytes], bytes], kind: Damage = damage) -> Damage:
    """Damage of what is compressed, which is then compressed again: a valid stream of something else."""

    def inside(draw: random.Random, content: bytes) -> tuple[str, bytes]:
        name, changed = kind(draw, unpack(content))
        return f"inside: {name}", pack(changed)

    return inside


def _mha_parts(content: bytes) -> tuple[bytes, bytes]:
    head, mark, voxels = content.partition(b"ElementDataFile = LOCAL\n")
    return head + mark, voxels


def _inside_mha(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    head, voxels = _mha_parts(content)
    name, changed = damage(draw, zlib.decompress(voxels))
    return f"inside: {name}", head + zlib.compress(changed)


_inside_gzip = _inside(gzip.decompress, partial(gzip.compress, compresslevel=1, mtime=0))


# DICOM


def _series(folder: Path, syntax: str = ExplicitVRLittleEndian, kind: str = "") -> None:
    for path in write_ct_series(folder / "a", _hu(), AFFINE, "phantom"):
        dataset = pydicom.dcmread(path)
        if kind:
            dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = kind
            dataset.NumberOfFrames = 1
        if syntax == RLELossless:
            dataset.compress(RLELossless)
        else:
            dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(path)


def _multi_frame(folder: Path) -> None:
    for name, kind in (("a", EnhancedCTImageStorage), ("b", LegacyConvertedEnhancedCTImageStorage)):
        (folder / name).mkdir()
        _series(folder / name, kind=kind)
        for number, path in enumerate(sorted((folder / name / "a").iterdir())):
            path.unlink() if number else path.rename(folder / name / "ct.dcm")
        (folder / name / "a").rmdir()


def _plan(folder: Path) -> None:
    """CT, structures, dose and plan of one patient."""
    source = read_source(write_ct_series(folder / "a", _hu(), AFFINE, "phantom"))
    mask = np.zeros((14, 11, 6), bool)
    mask[3:9, 2:7, 1:4] = True
    outlines = {"Rectum": mask_outlines(mask, AFFINE), "PTV_7000": mask_outlines(mask[::-1], AFFINE)}
    write_rtstruct(folder / "a" / "RS.dcm", source, outlines)
    x, y, z = np.indices(mask.shape, dtype=float)
    gray = 70 * np.exp(-(((x - 6) / 5) ** 2 + ((y - 5) / 4) ** 2 + ((z - 2) / 3) ** 2))
    plan_uid = "2.25.1234567"
    write_rtdose(folder / "a" / "RD.dcm", source, gray.astype(np.float32), AFFINE, plan_uid=plan_uid)
    plan = pydicom.dcmread(folder / "a" / "RD.dcm", stop_before_pixels=True)
    for tag in [one.tag for one in plan if one.tag.group in (0x0028, 0x3004, 0x0020) and one.VR != "UI"]:
        del plan[tag]
    plan.file_meta.MediaStorageSOPClassUID = plan.SOPClassUID = RTPlanStorage
    plan.file_meta.MediaStorageSOPInstanceUID = plan.SOPInstanceUID = plan_uid
    plan.Modality, plan.RTPlanLabel, plan.ApprovalStatus = "RTPLAN", "pelvis", "APPROVED"
    beam = pydicom.Dataset()
    beam.BeamNumber, beam.TreatmentDeliveryType = 1, "TREATMENT"
    plan.BeamSequence = [beam]
    plan.save_as(folder / "a" / "RP.dcm")


def _frame_uid(folder: Path) -> str:
    return str(pydicom.dcmread(sorted(folder.glob("CT*"))[2], stop_before_pixels=True).FrameOfReferenceUID)


def _read_rtstruct(folder: Path) -> Any:
    return [vars(structure) for structure in read_structures(folder / "RS.dcm", _frame_uid(folder))]


def _read_rtdose(folder: Path) -> Any:
    dose, notes = plan_dose([folder / "RD.dcm"], _frame_uid(folder), [folder / "RP.dcm"])
    return {"gray": dose.gray, "affine": dose.affine, "notes": notes}


def _read_patients(folder: Path) -> Any:
    patients, notes = find_rt_patients(folder)
    return {name: [vars(patient), notes] for name, patient in patients.items()}


def _read_rt_targets(folder: Path) -> Any:
    files = sorted(folder.glob("CT*"))
    return [(one.name, one.gray, one.affine) for one in read_targets(folder / "RS.dcm", files)]


def _targets(folder: Path) -> None:
    _nifti(folder, ".nii")
    shutil.rmtree(folder / "b")
    mask = np.zeros((14, 11, 6), np.uint8)
    mask[3:9, 2:7, 1:4] = 1
    (folder / "a" / "targets").mkdir()
    for name, suffix in (("PTV70", ".nii.gz"), ("PTV56", ".nii")):
        nib.save(nib.Nifti1Image(mask, AFFINE), folder / "a" / "targets" / f"{name}{suffix}")


def _read_masks(folder: Path) -> Any:
    return [(one.name, one.gray, one.affine) for one in read_targets(folder / "targets", folder / "ct.nii")]


# OpenKBP


def _openkbp(folder: Path) -> None:
    patient = make_openkbp_patient(1)
    rows = np.zeros(SHAPE, bool)  # each 400th voxel of the last slices: the files stay small, and their ends true
    rows.reshape(-1)[np.flatnonzero(patient.possible_dose_mask)[::400]] = True
    patient.ct[~rows], patient.dose[~rows] = 0, 0
    patient.possible_dose_mask &= rows
    patient.structures = {"Brainstem": rows & (np.arange(SHAPE[0]) % 2 == 0), "PTV70": rows}
    write_patient(folder / "a", patient)


def _read_openkbp(folder: Path) -> Any:
    patient = read_patient(folder)
    arrays = {"ct": patient.ct, "dose": patient.dose, "mask": patient.possible_dose_mask, **patient.structures}
    return {name: _rows(array) for name, array in arrays.items()}, patient.spacing


def _rows(array: np.ndarray) -> Any:
    found = np.flatnonzero(array)
    return found, array.reshape(-1)[found]


def _prediction(folder: Path) -> None:
    (folder / "a").mkdir()
    indices = np.arange(1000, 4000, 7)
    write_sparse_csv(folder / "a" / "pt_1.csv", indices, np.random.default_rng(0).uniform(0, 70, len(indices)).round(3))


# Photographs


def _pictures(folder: Path, suffix: str, mask: bool = False) -> None:
    rng = np.random.default_rng(0)
    colors = Image.fromarray(rng.integers(0, 255, (40, 56, 3), np.uint8)).resize((64, 48))
    gray = Image.fromarray((rng.random((48, 64)) > 0.5).astype(np.uint8) * 255)
    variants = [gray, gray.convert("P")] if mask else [colors, colors.convert("L")]
    if suffix == ".png" and not mask:
        variants += [colors.convert("P"), colors.convert("RGBA"), gray.convert("LA")]
    exif = Image.Exif()
    exif[0x0112] = 6
    for number, image in enumerate(variants):
        (folder / str(number)).mkdir()
        image.save(folder / str(number) / f"x{suffix}", **({} if mask else {"exif": exif}))


def _read_pictures(folder: Path) -> Any:
    found = find_images(folder)
    return [np.asarray(read_photo(item["image"])) for item in found]


def _ham10000(folder: Path, zipped: bool = False) -> None:
    if not zipped:
        write_ham10000_phantom(folder / "a", 21)
        for kind in ("*.jpg", "*.png"):
            for path in sorted((folder / "a").rglob(kind))[1:]:
                path.unlink()
        return
    _pictures(folder, ".jpg")
    _pictures(folder / "0", ".png", mask=True)
    image, mask = folder / "0" / "x.jpg", folder / "0" / "0" / "x.png"
    table = "lesion_id,image_id,dx,dx_type,age,sex,localization\nHAM_1,ISIC_0000001,nv,histo,40,male,back\n"
    files = {
        "ISIC_0000001.jpg": image.read_bytes(),
        "ISIC_0000001_segmentation.png": mask.read_bytes(),
        "HAM10000_metadata.csv": table.encode(),
    }
    for path in list(folder.iterdir()):
        shutil.rmtree(path)
    (folder / "a").mkdir()
    with zipfile.ZipFile(folder / "a" / "release.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def _read_metadata(folder: Path) -> Any:
    return {name: vars(row) for name, row in find_release(folder).rows.items()}


def _read_release(folder: Path) -> Any:
    release = find_release(folder / "release.zip")
    images = {name: np.asarray(decode_photo(file.read(), str(file))) for name, file in release.images.items()}
    masks = {name: decode_mask(file.read(), str(file)) for name, file in release.masks.items()}
    return images, masks, {name: vars(row) for name, row in release.rows.items()}


def _zip_of(folder: Path, make: Callable[[Path], None]) -> None:
    make(folder)
    place = next(path for path in sorted(folder.iterdir()))
    (folder / "z").mkdir()
    with zipfile.ZipFile(folder / "z" / "in.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(place.iterdir()):
            archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    for path in sorted(folder.iterdir()):
        if path.name != "z":
            shutil.rmtree(path)


# Tables and records


def _stoic(folder: Path) -> None:
    (folder / "a").mkdir()
    rows = [f"{number},{int(number % 3 > 0)},{int(number % 3 == 2)}" for number in range(1, 40)]
    (folder / "a" / "reference.csv").write_text("\n".join(["PatientID,probCOVID,probSevere", *rows, ""]))


def _read_reference(folder: Path) -> Any:
    return list(map(vars, read_reference(folder / "reference.csv")))


def _write(folder: Path, name: str, content: Any) -> None:
    (folder / "a").mkdir(exist_ok=True)
    (folder / "a" / name).parent.mkdir(exist_ok=True, parents=True)
    (folder / "a" / name).write_text(content if isinstance(content, str) else json.dumps(content, indent=1))


def _datalist(folder: Path) -> None:
    files = ("ct.nii", "dose.nii", "cord.nii.gz", "seg.nii")
    for name in files:
        _write(folder, name, "1234")
    case = {
        "case_id": "a", "image": "ct.nii", "dose": "dose.nii", "segmentation": "seg.nii",
        "segmentation_present": [1, 0], "structures": {"cord": "cord.nii.gz"}, "body_slices": [0, 1],
        "spacing": [1.0, 1.0, 2.0], "sha256": {"image": "ab"},
    }  # fmt: skip
    content = {
        "name": "x", "training": [case, {**case, "case_id": "b"}], "validation": [case], "test": [case],
        "provenance": {"network_grid": {"spacing": [3.0, 3.0, 3.0], "size": [160, 160]}, "seed": 0},
        "statistics": {"max_dose_gy": {"min": 1, "max": 2}},
        "files": {name: {"bytes": 4, "sha256": "ab"} for name in files},
    }  # fmt: skip
    _write(folder, "datalist.json", content)


def _read_datalist(folder: Path) -> Any:
    check_grid(folder, (3, 3, 3), (160, 160))
    sections = ("training", "validation", "test")
    lists = [expand_slices(read_datalist(folder, section, ["segmentation", "dose"])) for section in sections]
    return lists, describe_data(folder)


def _read_training(folder: Path) -> Any:
    configs = REPOSITORY / "bundles" / "openkbp" / "configs"
    record = read_record(folder)
    with content_of(folder / "training.json", "Train anew."):
        config = packed_config(configs / "inference.json", record)
        return packed_metadata(json.loads((configs / "metadata.json").read_text()), config, record, {})


def _copied(folder: Path, source: str, name: str, part: str = "") -> None:
    content = json.loads((REPOSITORY / source).read_text())
    _write(folder, name, {part: content[part]} if part else content)


def _read_evaluation(folder: Path) -> Any:
    summary = evaluation_summary(folder)
    with content_of(folder / "evaluation" / "evaluation.json", "Evaluate again."):
        return evaluation_results(summary, ["segmentation", "dose"], comparison_metrics("openkbp"))


def _read_result(folder: Path) -> Any:
    run = Run("CTAN", ("segmentation", "dose"), "DWA", 0)
    content = load_result(folder / "result.json", run)
    with content_of(folder / "result.json", "Remove it, and the run is done again."):  # as compare_methods.py
        return vars(read_result(content, comparison_metrics("openkbp")))


def _results(folder: Path) -> None:
    _write(folder, "inputs.json", {"a": {"image": "a.nii", "sha256": "0" * 64}})
    _write(folder, "predictions.csv", "case_id,diagnosis,akiec\na,nv,0.25\nb,mel,0.75\n")


def _read_results(folder: Path) -> Any:
    results = ResultsFolder(folder, "x")
    results.claim([])
    return results._read(), {case: dict(row) for case, row in results._rows("predictions.csv").items()}


def _records(folder: Path) -> None:
    _write(folder, "volumes/10.nii", "1234")
    record = {"format": 1, "settings": {"size": 32}, "made_from": {"bytes": 1}, "source_sha256": "ab", "bytes": 4}
    _write(folder, "volumes/10.json", {**record, "entry": {"case_id": "10"}})
    _write(folder, "cases/x/ct.nii", "1234")
    _write(folder, "cases/x/case.json", {"format": 3, "sizes": {"ct.nii": 4}})


def _read_records(folder: Path) -> Any:
    """Those of an earlier preparation; one that is not as expected is made again."""
    return _read_record(folder / "volumes" / "10.nii") is None, write_case_folder(
        folder / "cases" / "x", {"format": 3}, lambda place: {"sizes": {}}
    )["reused"]


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8))


def _weights(folder: Path) -> None:
    (folder / "a").mkdir()
    torch.save(_network().state_dict(), folder / "a" / "model.pt")


def _json(name: str, make: Callable[[Path], None], damaged: str, read: Callable[[Path], Any], **also: Any) -> Reader:
    return Reader(name, make, damaged, read, (damage, damage_json), **also)


def _rows_end(what: str) -> str:
    return f"cut off between two rows, {what} of fewer rows is a valid one"


_TOP = "cut off between two elements after the pixels, a DICOM file is a valid one"
READERS: tuple[Reader, ...] = (
    Reader("NIfTI (.nii)", partial(_nifti, suffix=".nii"), "ct.nii", _read_ct),
    Reader("NIfTI (.nii.gz)", partial(_nifti, suffix=".nii.gz"), "ct.nii.gz", _read_ct, checksummed=True),
    Reader("NIfTI (.nii.gz), inside", partial(_nifti, suffix=".nii.gz"), "ct.nii.gz", _read_ct, (_inside_gzip,)),
    Reader("MetaImage (.mha)", partial(_metaimage, suffix=".mha", compressed=False), "ct.mha", _read_stoic_volume),
    Reader("MetaImage (.mha, compressed)", partial(_metaimage, suffix=".mha", compressed=True), "ct.mha", _read_ct,
           (damage, _inside_mha)),
    Reader("MetaImage (.mhd, .raw)", partial(_metaimage, suffix=".mhd", compressed=False), "ct.*", _read_ct),
    Reader("MetaImage (.mhd, .zraw)", partial(_metaimage, suffix=".mhd", compressed=True), "ct.*", _read_ct),
    Reader("DICOM CT", _series, "CT*", _read_ct, (damage, damage_dicom), cuts=_TOP),
    Reader("DICOM CT, RLE", partial(_series, syntax=RLELossless), "CT*", _read_ct, (damage, damage_dicom), cuts=_TOP),
    Reader("DICOM CT, deflated", partial(_series, syntax=DeflatedExplicitVRLittleEndian), "CT*", _read_ct,
           (damage, damage_dicom)),
    Reader("DICOM enhanced and legacy CT", _multi_frame, "ct.dcm", _read_ct, (damage, damage_dicom), cuts=_TOP),
    Reader("DICOM RTSTRUCT", _plan, "RS.dcm", _read_rtstruct, (damage, damage_dicom)),
    Reader("DICOM RTDOSE and RTPLAN", _plan, "R[DP].dcm", _read_rtdose, (damage, damage_dicom),
           cuts="a damaged RTPLAN is left out with a note"),
    Reader("DICOM patients of a folder", _plan, "*", _read_patients, (damage, damage_dicom),
           cuts="a damaged file stays its patient's, or is noted"),
    Reader("DICOM targets", _plan, "RS.dcm", _read_rt_targets, (damage, damage_dicom)),
    Reader("NIfTI targets", _targets, "PTV*", _read_masks),
    Reader("OpenKBP ct.csv", _openkbp, "ct.csv", _read_openkbp, cuts=_rows_end("a CT that ends near the mask's end")),
    Reader("OpenKBP dose.csv", _openkbp, "dose.csv", _read_openkbp, cuts=_rows_end("a dose that ends near the mask's")),
    Reader("OpenKBP masks", _openkbp, "[Ppb]*.csv", _read_openkbp, cuts=_rows_end("a mask")),
    Reader("OpenKBP voxel_dimensions.csv", _openkbp, "voxel*.csv", _read_openkbp),
    Reader("OpenKBP predictions", _prediction, "pt_1.csv", lambda p: _rows(read_prediction(p / "pt_1.csv")),
           cuts="a file whose last row lacks its line break is read with a warning, as the challenge reads it"),
    Reader("photographs, JPEG", partial(_pictures, suffix=".jpg"), "x.jpg", _read_pictures),
    Reader("photographs, PNG", partial(_pictures, suffix=".png"), "x.png", _read_pictures, checksummed=True),
    Reader("masks, PNG", partial(_pictures, suffix=".png", mask=True), "x.png", lambda p: read_mask(p / "x.png"),
           checksummed=True),
    Reader("HAM10000 metadata", _ham10000, "HAM10000_metadata*", _read_metadata, cuts=_rows_end("a table")),
    Reader("HAM10000 zip", partial(_ham10000, zipped=True), "release.zip", _read_release),
    Reader("zip of photographs", partial(_zip_of, make=partial(_pictures, suffix=".png")), "in.zip", _read_pictures),
    Reader("zip of DICOM", partial(_zip_of, make=_series), "in.zip", _read_ct),
    Reader("STOIC reference.csv", _stoic, "reference.csv", _read_reference, cuts=_rows_end("a table")),
    _json("datalist.json", _datalist, "datalist.json", _read_datalist),
    _json("training.json", lambda p: _copied(p, "bundles/openkbp/models/ctan_small/training.json", "training.json"),
          "training.json", _read_training),
    _json("evaluation.json", lambda p: _copied(p, "bundles/openkbp/models/ctan_small/evaluation/evaluation.json",
                                               "evaluation/evaluation.json", "summary"),
          "evaluation.json", _read_evaluation),
    _json("results of a comparison",
          lambda p: _copied(p, "docs/results/runs/openkbp/ctan_dwa_seed0.json", "result.json"),
          "result.json", _read_result),
    _json("records of a preparation", _records, "1*.json", _read_records, cuts="it is prepared again"),
    _json("--split", lambda p: _write(p, "x.json", {"training": ["1", "2"], "validation": ["3"], "test": ["4"]}),
          "x.json", lambda p: _read_split(str(p / "x.json"))),
    _json("--roi-map", lambda p: _write(p, "x.json", {"bladder": ["^blase$"], "rectum": ["rektum", "x"]}),
          "x.json", lambda p: read_roi_map(p / "x.json")),
    _json("training ranges", lambda p: _write(p, "x.json", {"statistics": {"organ_volume_cc": {"cord": _LIMITS},
                                                                         "body_volume_cc": _LIMITS}}),
          "x.json", lambda p: vars(ReportPlausibilityd(str(p / "x.json"), {"cord": 1}))["ranges"]),
    _json("inputs.json of results", _results, "inputs.json", _read_results),
    Reader("tables of results", _results, "predictions.csv", _read_results, cuts=_rows_end("a table")),
    Reader("weights", _weights, "model.pt", lambda p: dict(load_weights(_network(), p / "model.pt").state_dict()),
           checksummed=True, errors=(ValueError, FileNotFoundError)),
)  # fmt: skip
_LIMITS = {"min": 1.0, "max": 2.0}


def make_files(folder: Path, seed: int) -> None:
    """The valid files of all readers, each in a folder of its number."""
    draw = random.Random(seed)
    uuid.uuid4 = lambda: uuid.UUID(int=draw.getrandbits(128), version=4)  # of DICOM's UIDs
    for number, reader in enumerate(READERS):
        (folder / f"{number:02d}").mkdir(parents=True)
        reader.make(folder / f"{number:02d}")
