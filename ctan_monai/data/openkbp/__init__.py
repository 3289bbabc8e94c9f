# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""OpenKBP as published: patients, release, preparation, baselines."""
