# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``ctan-monai predict``, with what PyTorch reads when it is loaded set before that."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ctan_monai.packing.predict_options import check, parse
from ctan_monai.utils.command_line import exit_status


def main(arguments: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Check the arguments, and run :py:func:`ctan_monai.packing.predict.main_of`.

    Threads of a network's layer that wait for each other sleep. By default they keep their cores busy, and on a machine
    with other work each waits for the other's core: with two threads on two busy cores, 24 to 50 s in place of 4 to 5 s
    for 128 slices. ``OMP_WAIT_POLICY`` in the environment says otherwise.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    options = parse(arguments, prog)
    if status := exit_status(lambda: check(options)):
        return status
    from ctan_monai.packing.predict import main_of

    return main_of(options)
