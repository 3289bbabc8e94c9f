# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What libraries print of a user's files does not reach the screen; their errors arrive in words of ours."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000Lossless
from support import REPOSITORY

from ctan_monai.dicom import (
    mask_outlines,
    predicted_by,
    read_ct_series,
    read_source,
    write_ct_series,
    write_rtdose,
    write_rtstruct,
    write_seg,
)
from ctan_monai.inference import find_inputs
from ctan_monai.utils import InputError
from ctan_monai.utils.quiet import quiet_libraries, quiet_stderr

AFFINE = np.diag([-2.0, -2.0, 3.0, 1.0])
HU = np.random.default_rng(0).integers(-1000, 1000, (32, 24, 6))


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """The loggers as they are in a new process, with a handler that prints as Python's last resort does."""
    loggers = [logging.getLogger(name) for name in ("pydicom", "highdicom", "nibabel.global")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def odd_headers(folder: Path, name: str) -> Path:
    """A patient whose headers pydicom warns of, for each value of each slice."""
    files = write_ct_series(folder / "CT", HU, AFFINE, patient_id=name)
    for file in files:
        image = pydicom.dcmread(file)
        with pydicom.config.disable_value_validation():
            image.SpecificCharacterSet, image.StudyID, image.StudyDate = "KLINGON", "x" * 30, "2020.01.01"
            image.SliceThickness, image.PatientBirthDate, image.AcquisitionDate = "3." + "0" * 20, "1950", "20209999"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                image.save_as(file)
    return folder


def damaged_jpeg_2000(folder: Path, name: str) -> Path:
    """A patient with a slice whose codestream ends early: GDCM's decoder prints so."""
    file = write_ct_series(folder / "CT", HU, AFFINE, patient_id=name)[2]
    writer = sitk.ImageFileWriter()
    writer.SetUseCompression(True)
    writer.SetCompressor("JPEG2000")
    writer.SetFileName(str(folder / "compressed.dcm"))
    writer.Execute(sitk.Cast(sitk.ReadImage(str(file)), sitk.sitkInt16))
    (frame,) = generate_frames(pydicom.dcmread(folder / "compressed.dcm").PixelData, number_of_frames=1)
    (folder / "compressed.dcm").unlink()
    image = pydicom.dcmread(file)
    image.file_meta.TransferSyntaxUID = JPEG2000Lossless
    image.PixelData = encapsulate([frame[: len(frame) // 4 * 2]])
    image["PixelData"].VR, image["PixelData"].is_undefined_length = "OB", True
    image.save_as(file)
    return folder


def structures_and_dose(folder: Path) -> None:
    source = read_source(folder / "CT")
    mask = np.zeros(HU.shape, bool)
    mask[3:9, 4:9, 1:4] = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_rtstruct(folder / "RS.dcm", source, {"Rectum": mask_outlines(mask, AFFINE)})
        write_rtdose(folder / "RD.dcm", source, np.full(HU.shape, 50.0), AFFINE)


def raw(text: str) -> list[str]:
    """Lines that a library wrote; a progress bar is ours."""
    lines = [line for line in text.replace("\r", "\n").splitlines() if line.strip() and "%|" not in line]
    words = (
        "KLINGON'",
        "Tile part",
        "qfac",
        "pydicom",
        "Invalid value",
        "maximum length",
        "itk",
        "WARNING",
        "Traceback",
    )
    return [line for line in lines if any(word in line for word in words) and "the pixels of the CT slice" not in line]


def test_preparation_prints_its_own_lines_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sys.path.insert(0, str(REPOSITORY / "tools"))
    import prepare_data

    logging.getLogger().addHandler(handler := logging.StreamHandler())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            structures_and_dose(odd_headers(tmp_path / "in" / "odd", "odd"))
            structures_and_dose(damaged_jpeg_2000(tmp_path / "in" / "cut", "cut"))
            assert raw(capfd.readouterr().err), "without the command they are printed"
            command = [
                "prostate",
                "--source",
                str(tmp_path / "in"),
                "--output",
                str(tmp_path / "out"),
                "--split",
                "all",
            ]
            assert prepare_data.main([*command, "--spacing", "2", "2", "3", "--size", "32"]) == 0
    finally:
        logging.getLogger().removeHandler(handler)
        sys.path.remove(str(REPOSITORY / "tools"))
    out, err = capfd.readouterr()
    assert raw(out + err) == []
    assert "skipped cut: " in out and "CT.003.dcm: the pixels of the CT slice cannot be decoded" in out


def test_inference_reads_and_writes_in_silence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("highdicom")
    odd_headers(tmp_path / "odd", "odd")
    image = nib.Nifti1Image(HU.astype(np.int16), AFFINE)
    image.header["pixdim"][0] = 0
    image.set_sform(AFFINE, 1)
    nib.save(image, tmp_path / "ct.nii")
    content = bytearray((tmp_path / "ct.nii").read_bytes())
    content[76:80] = bytes(4)  # qfac 0, which nibabel corrects and tells of
    (tmp_path / "ct.nii").write_bytes(content)
    capfd.readouterr()  # of making them: a handler that another test left may fail loudly
    logging.getLogger().addHandler(handler := logging.StreamHandler())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            quiet_libraries()
            assert len(find_inputs(tmp_path, dicom_output=False)) == 2
            source = read_source(tmp_path / "odd" / "CT")
            write_seg(
                tmp_path / "SEG.dcm", source, np.ones(HU.shape, np.uint8), {"rectum": 1}, predicted_by("prostate")
            )
            with pytest.raises(InputError, match=r"CT\.003\.dcm: the pixels of the CT slice cannot be decoded \(ITK"):
                read_ct_series(damaged_jpeg_2000(tmp_path / "cut", "cut") / "CT")
    finally:
        logging.getLogger().removeHandler(handler)
    out, err = capfd.readouterr()
    assert raw(out + err) == []


def test_the_error_stream_is_there_again(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_stderr():
        os.write(2, b"of compiled code\n")
    os.write(2, b"after\n")
    with pytest.raises(ValueError, match="of ours"), quiet_stderr():
        os.write(2, b"of compiled code\n")
        raise ValueError("of ours")
    print("last", file=sys.stderr, flush=True)
    assert capfd.readouterr().err == "after\nlast\n"
