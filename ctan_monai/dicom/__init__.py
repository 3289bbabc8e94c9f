# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""DICOM in: CT series, checked and read."""

from ctan_monai.dicom.geometry import InputError, check_axes
from ctan_monai.dicom.headers import dicom_headers
from ctan_monai.dicom.series import CTSeries, ct_series, read_ct_series
from ctan_monai.dicom.write import write_ct_series

__all__ = ["CTSeries", "InputError", "check_axes", "ct_series", "dicom_headers", "read_ct_series", "write_ct_series"]
