# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What a recipient gets: the bundle as a zip, its texts, checksums and commands."""

__all__ = ["FORMATS"]

FORMATS = ("ts", "onnx")  # exports of the weights
