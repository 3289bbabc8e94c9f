# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""STOIC as published: release, preparation, data lists."""
