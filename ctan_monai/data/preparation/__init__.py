# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What all preparations share: cases in parallel, their folders, the journal, statistics."""
