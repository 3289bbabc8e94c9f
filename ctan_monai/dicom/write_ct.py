# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A CT volume as a DICOM series: for phantoms and tests."""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
from nibabel.affines import voxel_sizes
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from ctan_monai.imaging.geometry import LPS_TO_RAS

from .save import save_dicom

__all__ = ["write_ct_series"]

INTERCEPT = -1024


def write_ct_series(
    folder: Path | str,
    hu: np.ndarray,
    affine: np.ndarray,
    patient_id: str = "phantom",
    description: str = "CT",
    prefix: str = "CT",
) -> list[Path]:
    """Writes one CT image file for each slice, synthetic UIDs, uncompressed.

    Args:
        folder: made when needed; files of the same names are overwritten.
        hu: (x, y, z) in HU, x along a slice's columns' index and y along its rows' index.
        affine: (4, 4) index to RAS mm. Axes R, P, I (by nibabel's codes) give a feet-first series.
        patient_id: PatientID and PatientName.
        description: SeriesDescription.
        prefix: of the files' names.

    Returns:
        the files, in the order of z.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lps = LPS_TO_RAS @ affine
    spacing = voxel_sizes(lps)
    cosines = lps[:3, :3] / spacing
    head_first = np.cross(cosines[:, 0], cosines[:, 1])[2] > 0  # of an axial series
    study, series, frame = generate_uid(prefix=None), generate_uid(prefix=None), generate_uid(prefix=None)
    stored = np.clip(np.rint(hu) - INTERCEPT, 0, 65535).astype(np.uint16)
    today = datetime.date.today().strftime("%Y%m%d")
    files = []
    for k in range(hu.shape[2]):
        image = Dataset()
        image.file_meta = FileMetaDataset()
        image.file_meta.MediaStorageSOPClassUID = image.SOPClassUID = CTImageStorage
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID = generate_uid(prefix=None)
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.Modality, image.ImageType = "CT", ["DERIVED", "SECONDARY", "AXIAL"]
        image.PatientID = image.PatientName = patient_id
        image.PatientBirthDate = image.PatientSex = image.AccessionNumber = image.ReferringPhysicianName = ""
        image.StudyDate, image.StudyTime, image.StudyID = today, "000000", "1"
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = study, series, frame
        image.SeriesNumber, image.InstanceNumber = 1, k + 1
        image.SeriesDescription, image.Manufacturer, image.PositionReferenceIndicator = description, "synthetic", ""
        image.PatientPosition = ("HF" if head_first else "FF") + ("S" if lps[1, 1] > 0 else "P")
        image.ImagePositionPatient = [f"{v:.8g}" for v in lps[:3, 3] + k * lps[:3, 2]]
        image.ImageOrientationPatient = [f"{v:.8g}" for v in [*cosines[:, 0], *cosines[:, 1]]]
        image.PixelSpacing = [f"{spacing[1]:.8g}", f"{spacing[0]:.8g}"]  # between rows, between columns
        image.SliceThickness, image.KVP, image.AcquisitionNumber = f"{spacing[2]:.8g}", "120", 1
        image.Columns, image.Rows = hu.shape[:2]
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 0
        image.RescaleIntercept, image.RescaleSlope, image.RescaleType = INTERCEPT, 1, "HU"
        image.PixelData = stored[:, :, k].T.tobytes()  # row by row
        files.append(folder / f"{prefix}.{k + 1:03d}.dcm")
        save_dicom(image, files[-1])
    return files
