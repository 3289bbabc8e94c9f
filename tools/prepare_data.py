# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""``ctan-monai prepare`` in a clone that is not installed."""

from __future__ import annotations

import sys

from ctan_monai.command.prepare import main

if __name__ == "__main__":
    sys.exit(main())
