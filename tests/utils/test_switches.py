# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from ctan_monai.utils import as_switch


@pytest.mark.parametrize("value", [True, 1, "true", "True", "YES", " yes ", "1"])
def test_on(value: Any) -> None:
    assert as_switch("amp", value) is True


@pytest.mark.parametrize("value", [False, 0, "false", "FALSE", "no", "No", "0"])
def test_off(value: Any) -> None:
    assert as_switch("amp", value) is False


@pytest.mark.parametrize("value", ["flase", "", "auto", 2, -1, 0.5, None, [], [True]])
def test_other_values_are_refused_by_name(value: Any) -> None:
    with pytest.raises(ValueError, match="amp"):
        as_switch("amp", value)
