# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .anti_alias import AntiAliasedSpacingd
from .body import body_mask
from .body_crop import CropToBodyd
from .crop_to_lungs import CropToLungsd
from .dose import DoseToGrayd
from .inside_body import KeepInsideBodyd
from .letterboxing import Letterboxd
from .load_ct import LoadImageCTd
from .load_photo import LoadImagePhotod
from .load_row import LoadRowd
from .load_slice import LoadAxialSliced
from .load_targets import LoadTargetsd
from .lung_slices import LoadLungSlicesd, SelectLungSlicesd, slice_indices
from .lungs import find_lungs
from .mask_body import MaskBodyd
from .mirror_sides import RandMirrorSidesd
from .monai_label import MonaiLabelResultd
from .network_input import NetworkInputd, channel_names, input_channels, input_planes
from .plausibility import body_edges, check_plausibility
from .remove_fragments import RemoveFragmentsd
from .report import ReportPlausibilityd
from .save_dicom_rt import SaveDicomRTd
from .save_dicom_sc import SaveDicomSCd
from .save_dicom_sr import SaveDicomSRd
from .save_images import SaveImagesd
from .save_probabilities import SaveProbabilitiesd
from .targets_on_grid import target_masks
from .task_compose import TaskCompose

__all__ = [
    "AntiAliasedSpacingd",
    "CropToBodyd",
    "CropToLungsd",
    "DoseToGrayd",
    "KeepInsideBodyd",
    "Letterboxd",
    "LoadAxialSliced",
    "LoadImageCTd",
    "LoadImagePhotod",
    "LoadLungSlicesd",
    "LoadRowd",
    "LoadTargetsd",
    "MaskBodyd",
    "MonaiLabelResultd",
    "NetworkInputd",
    "RandMirrorSidesd",
    "RemoveFragmentsd",
    "ReportPlausibilityd",
    "SaveDicomRTd",
    "SaveDicomSCd",
    "SaveDicomSRd",
    "SaveImagesd",
    "SaveProbabilitiesd",
    "SelectLungSlicesd",
    "TaskCompose",
    "body_edges",
    "body_mask",
    "channel_names",
    "check_plausibility",
    "find_lungs",
    "input_channels",
    "input_planes",
    "slice_indices",
    "target_masks",
]
