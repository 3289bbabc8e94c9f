# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""What happens to a user's image: found, predicted, saved."""

from .found_inputs import FoundInputs, image_name

__all__ = ["FoundInputs", "image_name"]
