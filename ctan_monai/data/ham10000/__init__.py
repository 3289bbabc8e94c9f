# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""HAM10000 as published: metadata, release, preparation, baselines."""
