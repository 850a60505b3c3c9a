"""How two strategies compare, by hand, against scipy and by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import integrate, stats

from nasbench_suite.scoring.comparisons import (
    detectable_difference,
    gap_closed,
    improvement_interval,
    probability_of_improvement,
    relative_improvement,
    win_rates,
)

# Few values, so that ties are common.
RUNS = hnp.arrays(np.float64, st.integers(1, 12), elements=st.integers(-4, 4).map(float))
FINALS = st.integers(1, 4).flatmap(
    lambda strategies: st.lists(
        st.lists(RUNS, min_size=strategies, max_size=strategies), min_size=1, max_size=3
    )
)


# The probability of improvement.


def test_all_pairs_by_hand():
    # 3 beats 1 and ties 3; 2 beats 1; 1 ties 1: 1 + 1/2 + 1 + 1/2 of 6 pairs.
    found = probability_of_improvement(np.array([3.0, 2.0, 1.0]), np.array([1.0, 3.0]))
    assert found == pytest.approx(3 / 6)
    assert probability_of_improvement(np.array([5.0, 6.0]), np.array([1.0, 4.0])) == 1.0
    assert probability_of_improvement(np.array([0.0]), np.array([1.0, 4.0])) == 0.0


@given(RUNS, RUNS)
def test_as_mann_and_whitney_have_it(ours, theirs):
    u = stats.mannwhitneyu(ours, theirs, method="asymptotic").statistic
    found = probability_of_improvement(ours, theirs)
    assert found == pytest.approx(u / (len(ours) * len(theirs)), rel=1e-12)


@given(RUNS, RUNS)
def test_only_the_order_matters(ours, theirs):
    found = probability_of_improvement(np.exp(ours / 2), np.exp(theirs / 2))
    assert found == probability_of_improvement(ours, theirs)


def test_a_run_without_a_value_is_worse_than_any_with_one():
    some, none = np.array([1.0, np.nan]), np.array([np.nan, np.nan])
    assert probability_of_improvement(some, none) == 0.75
    assert probability_of_improvement(none, some) == 0.25
    assert probability_of_improvement(none, none) == 0.5


# Its interval.


def test_the_interval_by_hand():
    # Of ours, 1 beats none of theirs and 3 beats all: the shares 0 and 1 have the variance 1/2.
    # Of theirs, both beat one of two: no variance. So the share 1/2 has the variance 1/4, that
    # of a single trial, but two runs a side are at least two trials.
    z = stats.norm.ppf(0.975)
    low, high = improvement_interval(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    reach = z / (1 + z**2 / 2) * math.sqrt(1 / 8 + z**2 / 16)
    assert (low, high) == pytest.approx((0.5 - reach, 0.5 + reach), rel=1e-12)


def test_the_interval_is_wilsons_where_one_side_is_all_the_same():
    # Against a side that does not vary, each run of ours is a trial that is won or lost.
    ours, theirs = np.repeat([1.0, 3.0], [6, 14]), np.full(300, 2.0)
    wilson = stats.binomtest(14, 20).proportion_ci(0.9, method="wilson")
    # DeLong's variance divides by one run less than there are, so trials would be 19.
    assert improvement_interval(ours, theirs, 0.9) == pytest.approx((wilson.low, wilson.high))


def test_separate_runs_leave_some_doubt():
    low, high = improvement_interval(np.arange(10.0) + 20, np.arange(10.0))
    wilson = stats.binomtest(10, 10).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((wilson.low, 1.0), rel=1e-12)


def test_many_runs_have_the_interval_of_the_bootstrap():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(0.7, 2.0, 300), rng.normal(0.0, 1.0, 200)
    expected = stats.bootstrap(
        (ours, theirs),
        lambda x, y, axis: (x[..., :, None] > y[..., None, :]).mean(axis=(-2, -1)),
        n_resamples=2000,
        batch=100,
        method="percentile",
        rng=rng,
    ).confidence_interval
    assert improvement_interval(ours, theirs) == pytest.approx(tuple(expected), abs=0.006)


@pytest.mark.parametrize(
    ("shift", "spread", "digits"), [(0.0, 1.0, 9), (1.0, 1.0, 0), (2.0, 1.0, 9), (1.0, 5.0, 9)]
)
def test_the_interval_covers_as_often_as_it_says(shift, spread, digits):
    # Ten runs a side, one side spread more than the other, rounded or not.
    rng = np.random.default_rng(1)
    many = rng.normal(shift, 1.0, 10**6), rng.normal(0.0, spread, 10**6)
    truth = probability_of_improvement(*(np.round(side, digits) for side in many))
    covered = 0
    for _ in range(1500):
        ours, theirs = rng.normal(shift, 1.0, 10), rng.normal(0.0, spread, 10)
        low, high = improvement_interval(np.round(ours, digits), np.round(theirs, digits))
        covered += low <= truth <= high
    assert 0.92 < covered / 1500 < 0.985


@given(RUNS, RUNS)
def test_the_interval_holds_the_share_and_turns_with_the_sides(ours, theirs):
    low, high = improvement_interval(ours, theirs)
    if min(len(ours), len(theirs)) == 1:
        assert np.isnan([low, high]).all()
        return
    share = probability_of_improvement(ours, theirs)
    assert -1e-12 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1 + 1e-12
    assert improvement_interval(theirs, ours) == pytest.approx((1 - high, 1 - low), abs=1e-12)


# Win rates.


def test_win_rates_are_averages_over_tasks():
    first = [np.array([2.0, 2.0]), np.array([1.0, 3.0]), np.array([0.0])]
    second = [np.array([5.0]), np.array([4.0]), np.array([5.0])]
    expected = [[0.5, 0.75, 0.75], [0.25, 0.5, 0.5], [0.25, 0.5, 0.5]]
    np.testing.assert_allclose(win_rates([first, second]), expected, rtol=1e-14)


@given(FINALS)
def test_of_a_pair_the_win_rates_add_up_to_one(finals):
    rates = win_rates(finals)
    assert rates.shape == (len(finals[0]),) * 2
    np.testing.assert_allclose(rates + rates.T, 1.0, rtol=1e-12)


# Improvements.


def test_improvements_by_hand():
    assert relative_improvement(94.5, 90.0) == pytest.approx(5.0)
    assert relative_improvement(81.0, 90.0) == pytest.approx(-10.0)
    # An error of 2 instead of 4, turned so that more is better.
    assert relative_improvement(-2.0, -4.0) == 50.0
    values = np.array([90.0, 99.0, np.nan])
    np.testing.assert_allclose(relative_improvement(values, 90.0), [0.0, 10.0, np.nan])


def test_the_gap_by_hand():
    values = np.array([90.0, 93.0, 94.0, 86.0, np.nan])
    np.testing.assert_allclose(gap_closed(values, 90.0, 94.0), [0.0, 0.75, 1.0, -1.0, np.nan])
    assert gap_closed(-3.0, -4.0, -2.0) == 0.5


# The detectable difference.


@pytest.mark.parametrize("runs", [2, 3, 10, 100, 500])
@pytest.mark.parametrize(("level", "power"), [(0.05, 0.8), (0.01, 0.9)])
def test_the_chance_to_find_the_difference_is_the_power(runs, level, power):
    freedom = 2 * (runs - 1)
    shift = detectable_difference(1.0, runs, level, power) / math.sqrt(2 / runs)
    critical = stats.t.ppf(1 - level / 2, freedom)
    # Given the deviation that was measured, in units of the true one, t is normal.
    deviation = stats.chi(freedom, scale=freedom**-0.5)
    found, _ = integrate.quad(
        lambda d: deviation.pdf(d) * stats.norm.cdf(shift - critical * d),
        *deviation.ppf([1e-12, 1 - 1e-12]),
        limit=200,
    )
    assert found == pytest.approx(power, abs=1e-6)


def test_many_runs_are_as_a_normal_has_it():
    quantiles = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    expected = 3.0 * quantiles * math.sqrt(2 / 100_000)
    assert detectable_difference(3.0, 100_000) == pytest.approx(expected, rel=1e-4)
    # Cohen's tables: 64 runs a side for a difference of half a deviation, 26 for 0.8.
    assert detectable_difference(1.0, 64) == pytest.approx(0.5, abs=0.005)
    assert detectable_difference(1.0, 26) == pytest.approx(0.8, abs=0.01)


def test_the_difference_is_found_as_often_as_it_says():
    rng = np.random.default_rng(2)
    difference = detectable_difference(2.0, 8)
    ours, theirs = rng.normal(difference, 2.0, (8, 20_000)), rng.normal(0.0, 2.0, (8, 20_000))
    found = stats.ttest_ind(ours, theirs, axis=0).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.01)


def test_a_difference_is_in_the_unit_of_the_deviation():
    assert detectable_difference(6.0, 10) == pytest.approx(3 * detectable_difference(2.0, 10))
    assert detectable_difference(0.0, 10) == 0.0


def test_a_single_run_detects_nothing():
    assert math.isnan(detectable_difference(1.0, 1))
