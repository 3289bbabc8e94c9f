# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``ctan-monai-predict``, with what PyTorch reads when it is loaded set before that."""

from __future__ import annotations

import os


def main() -> int:
    """Run :py:func:`ctan_monai.packing.predict.main`.

    Threads of a network's layer that wait for each other sleep. By default they keep their cores busy, and on a machine
    with other work each waits for the other's core: with two threads on two busy cores, 24 to 50 s in place of 4 to 5 s
    for 128 slices. ``OMP_WAIT_POLICY`` in the environment says otherwise.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from ctan_monai.packing.predict import main as predict

    return predict()
