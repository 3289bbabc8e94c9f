# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""A DICOM node: CTs that Orthanc receives are predicted, and the results sent (``docs/how-to/pacs.md``)."""

from __future__ import annotations

from ctan_monai.node.dicom_node import Node
from ctan_monai.node.ledger import Entry, Ledger
from ctan_monai.node.orthanc import Destination, Orthanc, OrthancError
from ctan_monai.node.predict_series import PredictSeries

__all__ = ["Destination", "Entry", "Ledger", "Node", "Orthanc", "OrthancError", "PredictSeries"]
