# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from ctan_monai.utils.moved import moved

from .crop_to_body import CropToBodyd
from .crop_to_lungs import CropToLungsd
from .ct_reader import CTReader
from .keep_inside_body import KeepInsideBodyd
from .letterboxing import Letterboxd
from .load_ct import LoadImageCTd
from .load_photo import LoadImagePhotod
from .load_row import LoadRowd
from .load_slice import LoadAxialSliced
from .load_targets import LoadTargetsd
from .lung_slices import LoadLungSlicesd, SelectLungSlicesd, slice_indices
from .mask_body import MaskBodyd
from .network_input import NetworkInputd, channel_names, input_channels, input_planes
from .rand_mirror import RandMirrorSidesd
from .remove_fragments import RemoveFragmentsd
from .resample import AntiAliasedSpacingd
from .scale_dose import ScaleDosed
from .targets_on_grid import target_masks
from .task_compose import TaskCompose

DoseToGrayd = ScaleDosed  # its former name

__all__ = [
    "AntiAliasedSpacingd",
    "CTReader",
    "CropToBodyd",
    "CropToLungsd",
    "KeepInsideBodyd",
    "Letterboxd",
    "LoadAxialSliced",
    "LoadImageCTd",
    "LoadImagePhotod",
    "LoadLungSlicesd",
    "LoadRowd",
    "LoadTargetsd",
    "MaskBodyd",
    "NetworkInputd",
    "RandMirrorSidesd",
    "RemoveFragmentsd",
    "ScaleDosed",
    "SelectLungSlicesd",
    "TaskCompose",
    "channel_names",
    "input_channels",
    "input_planes",
    "slice_indices",
    "target_masks",
]

__getattr__ = moved(
    __name__,
    {
        "MonaiLabelResultd": "ctan_monai.inference",
        "ReportPlausibilityd": "ctan_monai.inference",
        "SaveDicomRTd": "ctan_monai.inference",
        "SaveDicomSCd": "ctan_monai.inference",
        "SaveDicomSRd": "ctan_monai.inference",
        "SaveImagesd": "ctan_monai.inference",
        "SaveProbabilitiesd": "ctan_monai.inference",
        "body_edges": "ctan_monai.inference",
        "body_mask": "ctan_monai.imaging",
        "check_plausibility": "ctan_monai.inference",
        "find_lungs": "ctan_monai.imaging",
    },
)
