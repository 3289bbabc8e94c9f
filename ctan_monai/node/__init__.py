# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A DICOM node: CTs that Orthanc receives are predicted, and the results sent (``docs/how-to/pacs.md``)."""

from .dicom_node import Node
from .ledger import Entry, Ledger
from .orthanc import Destination, Orthanc, OrthancError
from .predict_series import PredictSeries

__all__ = ["Destination", "Entry", "Ledger", "Node", "Orthanc", "OrthancError", "PredictSeries"]
