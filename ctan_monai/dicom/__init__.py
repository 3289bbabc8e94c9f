# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""DICOM in and out: CT series, structures and doses, checked and read; predictions written beside their CT."""

from ctan_monai.dicom.contours_to_mask import rasterise
from ctan_monai.dicom.geometry import check_axes
from ctan_monai.dicom.headers import dicom_headers
from ctan_monai.dicom.maker import PHANTOM, Maker, predicted_by
from ctan_monai.dicom.outlines import mask_outlines
from ctan_monai.dicom.planned_dose import choose_plans, plan_dose, read_plan_doses
from ctan_monai.dicom.rt_choice import Choice, choose_ct, choose_structures, planning_cases
from ctan_monai.dicom.rt_patients import RTPatient, find_rt_patients
from ctan_monai.dicom.rtdose import DoseGrid, dose_in_patient_axes, read_dose, resample_dose
from ctan_monai.dicom.rtdose_writer import write_rtdose
from ctan_monai.dicom.rtstruct import Structure, read_structures
from ctan_monai.dicom.rtstruct_writer import write_rtstruct
from ctan_monai.dicom.save import save_dicom
from ctan_monai.dicom.sc_writer import write_sc
from ctan_monai.dicom.seg_writer import write_seg
from ctan_monai.dicom.series import CTSeries, ct_series, read_ct_series, read_pixels
from ctan_monai.dicom.source import DicomSource, read_source
from ctan_monai.dicom.sr_writer import write_sr
from ctan_monai.dicom.write import write_ct_series
from ctan_monai.errors import InputError

__all__ = [
    "PHANTOM",
    "CTSeries",
    "Choice",
    "DicomSource",
    "DoseGrid",
    "InputError",
    "Maker",
    "RTPatient",
    "Structure",
    "check_axes",
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
    "rasterise",
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
