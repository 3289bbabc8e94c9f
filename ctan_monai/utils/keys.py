# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Keys of an item that rooms share."""

SLICE = "slice_index"
POSITION = "slice_position"
PRESENT = "_present"  # after a task's name: whether the item has its label
