# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Report of contours and dose."""
