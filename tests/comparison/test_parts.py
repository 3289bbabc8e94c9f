# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Which parts of the networks are called needed, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from ctan_monai.comparison import compare_parts, part_rows


def run(seed: int, score: float, **parts: tuple[float, list[float] | None]) -> dict[str, Any]:
    found = {name: {"loss": loss, "interval": interval} for name, (loss, interval) in parts.items()}
    return {"line": "ctan_dwa", "seed": seed, "training": {"functional_test": {"score": score, "parts": found}}}


# losses and intervals of two seeds whose scores have a standard deviation of 0.02 / sqrt(2) = 0.0141
PART_CASES = [
    ([(0.02, [0.01, 0.03]), (0.04, [0.03, 0.05])], True),
    ([(0.01, [0.005, 0.015]), (0.016, [0.01, 0.02])], False),  # mean 0.013: other seeds differ by more
    ([(0.2, [0.1, 0.3]), (0.01, [-0.01, 0.03])], False),  # an interval that holds 0
    ([(0.2, [0.1, 0.3]), (0.2, None)], None),
]


@pytest.mark.parametrize(("losses", "needed"), PART_CASES)
def test_needed_by_hand(losses: list[tuple[float, list[float] | None]], needed: bool | None) -> None:
    (part,) = compare_parts([run(1, 0.62, masks1=losses[1]), run(0, 0.60, masks1=losses[0])])
    assert part["losses"] == [losses[0][0], losses[1][0]], "seed by seed"
    assert part["loss"] == pytest.approx((losses[0][0] + losses[1][0]) / 2)
    assert part["score_std"] == pytest.approx(0.02 / 2**0.5)
    assert part["needed"] is needed


def test_one_seed_does_not_tell_and_runs_without_the_test_are_left_out() -> None:
    (part,) = compare_parts([run(0, 0.6, ctab=(0.2, [0.1, 0.3])), {"line": "hps_dwa", "seed": 0, "training": {}}])
    assert (part["line"], part["score_std"], part["needed"]) == ("ctan_dwa", None, None)


def test_rows_are_in_thousandths() -> None:
    runs = [run(0, 0.60, masks1=(0.02, [0.01, 0.03])), run(1, 0.62, masks1=(0.04, [0.03, 0.05]))]
    (row,) = part_rows(compare_parts(runs))
    assert list(row.values()) == [
        "CTAN (dwa)", "masks of stage 1", "+30.0", "+20.0 [+10.0, +30.0]; +40.0 [+30.0, +50.0]", "14.1", "yes"
    ]  # fmt: skip
