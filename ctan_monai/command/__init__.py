# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""``ctan-monai``: its commands, which check their arguments before anything slow is imported."""
