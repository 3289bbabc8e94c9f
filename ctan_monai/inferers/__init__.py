# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from .deploy import DeployInferer
from .slice_folding import SliceFoldingInferer

__all__ = ["DeployInferer", "SliceFoldingInferer"]
