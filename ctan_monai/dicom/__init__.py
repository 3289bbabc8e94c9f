# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""DICOM in and out: CT series, structures and doses, checked and read; predictions written beside their CT."""

from ctan_monai.utils.moved import moved

from .contours_to_mask import rasterize
from .equipment import PHANTOM, Maker, predicted_by
from .headers import dicom_headers
from .mask_to_contours import mask_outlines
from .planned_dose import choose_plans, plan_dose, read_plan_doses
from .reference_series import DicomSource, read_source
from .rt_choice import Choice, choose_ct, choose_structures, planning_cases
from .rt_patients import RTPatient, find_rt_patients
from .rtdose import DoseGrid, dose_in_patient_axes, read_dose, resample_dose
from .rtdose_writer import write_rtdose
from .rtstruct import Structure, read_structures
from .rtstruct_writer import write_rtstruct
from .save import save_dicom
from .sc_writer import write_sc
from .seg_writer import write_seg
from .series import CTSeries, ct_series, read_ct_series, read_pixels
from .sr_writer import write_sr
from .write_ct import write_ct_series

__all__ = [
    "PHANTOM",
    "CTSeries",
    "Choice",
    "DicomSource",
    "DoseGrid",
    "Maker",
    "RTPatient",
    "Structure",
    "choose_ct",
    "choose_plans",
    "choose_structures",
    "ct_series",
    "dicom_headers",
    "dose_in_patient_axes",
    "find_rt_patients",
    "mask_outlines",
    "plan_dose",
    "planning_cases",
    "predicted_by",
    "rasterize",
    "read_ct_series",
    "read_dose",
    "read_pixels",
    "read_plan_doses",
    "read_source",
    "read_structures",
    "resample_dose",
    "save_dicom",
    "write_ct_series",
    "write_rtdose",
    "write_rtstruct",
    "write_sc",
    "write_seg",
    "write_sr",
]

__getattr__ = moved(
    __name__,
    {
        "InputError": "ctan_monai.utils",
        "check_axes": "ctan_monai.imaging",
    },
)
