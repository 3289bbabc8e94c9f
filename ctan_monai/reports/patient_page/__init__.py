# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""One sheet of paper on one patient's predicted contours and dose."""

from .network import NetworkFacts, network_facts
from .pdf import check_pdf, page_pdf
from .save import SavePatientPaged
from .sheet import patient_page
from .volumes import PageVolumes, page_volumes

__all__ = [
    "NetworkFacts",
    "PageVolumes",
    "SavePatientPaged",
    "check_pdf",
    "network_facts",
    "page_pdf",
    "page_volumes",
    "patient_page",
]
