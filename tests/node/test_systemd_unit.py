# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import REPOSITORY


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit_of_the_page(tmp_path: Path) -> None:
    unit = re.search(r"```\n(\[Unit\].*?)```", (REPOSITORY / "docs" / "how-to" / "pacs.md").read_text(), re.DOTALL)
    assert unit is not None
    command = Path(sys.executable).parent / "ctan-monai-node"
    text, replaced = re.subn(r"ExecStart=\S*/ctan-monai-node", f"ExecStart={command}", unit[1])
    assert replaced == 1
    file = tmp_path / "ctan-monai-node.service"
    file.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    file.write_text(text.replace("Restart=always", "Restart=forever"))  # so that the check is known to look
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False)
    assert "forever" in done.stderr
