# Copyright 2026 The ctan-monai authors
# SPDX-License-Identifier: Apache-2.0
"""Intervals and p values of differences, by hand and against SciPy's own tests."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from ctan_monai.comparison import contrast, holm, leave_one_out, relative_contrast, sign_flip_p


def cases(values: list[float]) -> dict[str, float]:
    return {f"pt_{number:03d}": value for number, value in enumerate(values)}


def test_one_seed_is_the_paired_t_interval() -> None:
    rng = np.random.default_rng(0)
    own, base = rng.normal(1, 1, 14), rng.normal(0, 1, 14)
    found = contrast([cases(list(own))], [cases(list(base))])
    expected = stats.ttest_rel(own, base).confidence_interval(0.95)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.mean == pytest.approx(float((own - base).mean()))
    assert (found.cases, found.units, found.seeds, found.higher) == (14, 14, (1, 1), int((own > base).sum()))


def test_detectable_effect_by_hand() -> None:
    """Differences 0 and 2 in turn, 16 of them: standard error sqrt(16 / 15) / 4, t quantiles with 15 degrees."""
    found = contrast([cases([0.0, 2.0] * 8)], [cases([0.0] * 16)])
    error = math.sqrt(16 / 15) / 4
    assert found is not None and found.detectable == pytest.approx((2.1314 + 0.8662) * error, rel=1e-4)


def test_detectable_effect_is_found_in_four_of_five_tests() -> None:
    rng = np.random.default_rng(1)
    reference = contrast([cases(list(rng.normal(0, 1, 4000)))], [cases([0.0] * 4000)])
    assert reference is not None
    effect = reference.detectable * math.sqrt(4000 / 30)  # the same spread, 30 cases
    draws = rng.normal(effect, 1, (2000, 30))
    power = (stats.ttest_1samp(draws, 0, axis=1).pvalue < 0.05).mean()
    assert power == pytest.approx(0.8, abs=0.05)


def test_sign_flips_by_hand() -> None:
    # of the 8 signs of 1, 2, 3 only +++ and --- reach |6|: p = 2 / 8
    assert sign_flip_p(np.array([1.0, 2.0, 3.0])) == 2 / 8
    # the sums of 1, 2 and -4 are odd, so at least 1, which is the sum observed
    assert sign_flip_p(np.array([1.0, 2.0, -4.0])) == 1.0
    assert sign_flip_p(np.zeros(5)) == 1.0


@pytest.mark.parametrize("number", [3, 14])
def test_enumerated_sign_flips_are_scipys(number: int) -> None:
    differences = np.random.default_rng(number).normal(0.5, 1, number)
    expected = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", vectorized=True, n_resamples=np.inf
    ).pvalue
    assert sign_flip_p(differences) == expected


@pytest.mark.parametrize("number", [20, 21])
def test_enumerated_and_drawn_sign_flips_agree_with_t(number: int) -> None:
    differences = np.random.default_rng(2).normal(0.5, 1, number)
    expected = stats.ttest_1samp(differences, 0).pvalue
    assert sign_flip_p(differences) == pytest.approx(expected, abs=0.01)
    assert sign_flip_p(differences) == sign_flip_p(differences), "seeded"


def test_seeds_widen_the_interval() -> None:
    """Two seeds, 1 and 3 on every case: the mean is 2, and all of the variance is that of the seeds."""
    found = contrast([cases([1.0] * 10), cases([3.0] * 10)], [cases([0.0] * 10)])
    assert found is not None
    assert found.mean == 2.0 and found.seeds == (2, 1)
    # variance of the mean of two seeds: 2 / 2 = 1, one degree of freedom: t = 12.706
    assert (found.low, found.high) == pytest.approx((2 - 12.706, 2 + 12.706), rel=1e-4)


def test_seeds_and_cases_cover_what_they_should() -> None:
    """Three seeds whose runs differ as much as cases do: the interval holds the true difference 95 % of the time."""
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(400):
        patients = rng.normal(0, 1, 12)
        runs = [
            [cases(list(patients + rng.normal(0, 0.3) + rng.normal(0, 0.5, 12))) for _ in range(3)] for _ in range(2)
        ]
        found = contrast(*runs)
        assert found is not None
        held += found.low <= 0 <= found.high
    assert 0.92 <= held / 400 <= 0.99


def test_cases_of_one_unit_count_once() -> None:
    """Each image twice: the interval must be that of the lesions, not half of it."""
    rng = np.random.default_rng(4)
    values = list(rng.normal(0.3, 1, 30))
    single = contrast([cases(values)], [cases([0.0] * 30)])
    twice = contrast(
        [cases(values + values)], [cases([0.0] * 60)], {f"pt_{n:03d}": f"lesion {n % 30}" for n in range(60)}
    )
    assert single is not None and twice is not None
    assert (twice.mean, twice.low, twice.high, twice.p) == pytest.approx(
        (single.mean, single.low, single.high, single.p)
    )
    assert (twice.cases, twice.units) == (60, 30)


def test_relative_contrast_is_equation_3() -> None:
    own = {"segmentation": [cases([66.0, 72.0])], "dose": [cases([0.4, 0.6])]}
    base = {"segmentation": [cases([60.0, 60.0])], "dose": [cases([0.5, 0.5])]}
    signs = {"segmentation": True, "dose": False}
    found = relative_contrast(own, base, signs)
    # Dice +15 %, dose 0: contributions of the patients 100 * ((66, 72) / 60 - 1) / 2 and (+20, -20) / 2
    assert found is not None and found.mean == pytest.approx(7.5)
    contributions = np.array([(10 + 20) / 2, (20 - 20) / 2])
    expected = stats.ttest_1samp(contributions, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_relative_interval_agrees_with_the_bootstrap_on_many_cases() -> None:
    rng = np.random.default_rng(5)
    base = rng.uniform(40, 90, 500)
    own = base + rng.normal(1, 3, 500)
    found = relative_contrast({"a": [cases(list(own))]}, {"a": [cases(list(base))]}, {"a": True})
    picks = rng.integers(0, 500, (4000, 500))
    ratios = 100 * (own[picks].mean(axis=1) / base[picks].mean(axis=1) - 1)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(ratios, [0.025, 0.975])), abs=0.05)


def test_leave_one_out_names_the_cases() -> None:
    own, base = {"a": [cases([10.0, 10.0, 40.0])]}, {"a": [cases([10.0, 10.0, 10.0])]}
    found = leave_one_out(own, base, {"a": True})
    assert found == {"low": ("pt_002", 0.0), "high": ("pt_000", 150.0)}


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("other", [[], [cases([1.0])], [{"pt_000": math.nan, "pt_001": 1.0}]])
def test_too_few_shared_cases(other: list[dict[str, float]]) -> None:
    assert contrast([cases([1.0, 2.0])], other) is None


def test_the_published_contrast_of_hps() -> None:
    """An independent computation on networks of version 0.1: t interval [-0.022, +0.114] Gy, p = 0.068; without pt_335
    CTAN gains 1.04 %."""
    published = json.loads((Path(__file__).parent / "openkbp_14_patients.json").read_text())

    def runs(name: str) -> dict[str, list[dict[str, float]]]:
        return {task: [values] for task, values in published[name].items()}

    stl = {**runs("stl_segmentation"), **runs("stl_dose")}
    hps = contrast(runs("hps_dwa")["dose"], stl["dose"])
    assert hps is not None
    assert (round(hps.low, 3), round(hps.high, 3), round(hps.p, 3)) == (-0.022, 0.114, 0.068)
    found = leave_one_out(runs("ctan_uncertainty"), stl, {"segmentation": True, "dose": False})
    assert found is not None and found["high"][0] == "pt_335" and round(found["high"][1], 2) == 1.04
