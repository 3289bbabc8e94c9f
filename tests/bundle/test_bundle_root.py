# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ctan_monai.bundle import bundle_root


@pytest.fixture(autouse=True)
def _search_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the bundles that other tests ran: MONAI's workflows leave their folders there."""
    monkeypatch.setattr(sys, "path", [path for path in sys.path if not (Path(path) / "configs").is_dir()])


def make_bundle(folder: Path, name: str) -> Path:
    (folder / "configs").mkdir(parents=True)
    (folder / "configs" / "metadata.json").write_text(json.dumps({"bundle_name": name}))
    return folder


def test_a_bundle_on_pythons_search_path_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MONAI Deploy puts the folder there, and runs no workflow that would know it."""
    folder = make_bundle(tmp_path / "somewhere", "openkbp")
    other = make_bundle(tmp_path / "other", "stoic")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(other), str(folder)])
    assert bundle_root("openkbp") == str(folder)


def test_no_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="give its folder with --bundle_root"):
        bundle_root("openkbp")
