# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""DICOM in: CT series, structures and doses, checked and read."""

from ctan_monai.dicom.geometry import check_axes
from ctan_monai.dicom.headers import dicom_headers
from ctan_monai.dicom.plan_dose import plan_dose
from ctan_monai.dicom.rasterise import rasterise
from ctan_monai.dicom.rt_patients import RTPatient, find_rt_patients
from ctan_monai.dicom.rtdose import DoseGrid, read_dose, resample_dose
from ctan_monai.dicom.rtstruct import Structure, read_structures
from ctan_monai.dicom.save import save_dicom
from ctan_monai.dicom.series import CTSeries, ct_series, read_ct_series, read_pixels
from ctan_monai.dicom.write import write_ct_series
from ctan_monai.errors import InputError

__all__ = [
    "CTSeries",
    "DoseGrid",
    "InputError",
    "RTPatient",
    "Structure",
    "check_axes",
    "ct_series",
    "dicom_headers",
    "find_rt_patients",
    "plan_dose",
    "rasterise",
    "read_ct_series",
    "read_dose",
    "read_pixels",
    "read_structures",
    "resample_dose",
    "save_dicom",
    "write_ct_series",
]
