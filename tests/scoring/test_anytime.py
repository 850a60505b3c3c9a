"""Regrets, means over log cost and checkpoints, by hand and against a fine grid."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from nasbench_suite.core import InvalidSetting
from nasbench_suite.scoring.anytime import checkpoints, log_time_area, regrets
from nasbench_suite.scoring.curves import at

NAN = math.nan
COSTS = st.lists(st.floats(0.0, 50.0), min_size=1, max_size=8)


# Regrets.


def test_a_regret_is_what_is_missing_to_the_optimum():
    accuracies = np.array([[90.0, 94.5], [NAN, 80.0]])
    np.testing.assert_array_equal(regrets(accuracies, 94.5, "max"), [[4.5, 0.0], [NAN, 14.5]])
    np.testing.assert_array_equal(regrets(np.array([3.0, 2.0]), 2.0, "min"), [1.0, 0.0])


def test_a_metric_without_a_direction_has_no_regret():
    with pytest.raises(InvalidSetting, match="neither more nor less"):
        regrets(np.array([1.0]), 2.0, "none")


# The mean over log cost.


def area(ends, values, start, end):
    return log_time_area(np.array(ends, float), np.array(values, float), start=start, end=end)


def test_each_doubling_counts_the_same():
    # 10 from 1 to 2, 20 from 2 to 4, 30 from 4 to 8: three doublings.
    assert area([1, 2, 4], [10, 20, 30], 1, 8) == pytest.approx(20.0, rel=1e-14)
    # A quarter of the two decades at 5, three quarters at 9.
    assert area([0.5, 10**0.5], [5, 9], 1, 100) == pytest.approx(8.0, rel=1e-14)


def test_what_lies_outside_the_interval_does_not_count():
    ends, values = [0.1, 1, 2, 4, 8, 9], [-1e9, 10, 20, 30, 1e9, 1e12]
    assert area(ends, values, 1, 8) == pytest.approx(20.0, rel=1e-14)
    assert area(ends, values, 2.5, 3.5) == pytest.approx(20.0, rel=1e-14)


def test_of_trials_without_cost_the_last_holds():
    assert area([1, 1, 2, 2, 2], [NAN, 10, NAN, 0, 20], 1, 4) == pytest.approx(15.0, rel=1e-14)
    assert area([0, 0], [3, 4], 1, 4) == 4.0


def test_before_the_first_value_there_is_no_mean():
    assert math.isnan(area([1.5, 2], [10, 20], 1, 8))
    assert math.isnan(area([1, 2], [NAN, 20], 1, 8))
    assert math.isnan(area([], [], 1, 8))
    # Once every trial that failed is past, there is one.
    assert area([1, 2], [NAN, 20], 2, 8) == 20.0


def test_on_an_interval_of_no_length_the_mean_is_the_value_there():
    assert area([1, 2, 4], [10, 20, 30], 3, 3) == 20.0
    assert area([1, 2, 4], [10, 20, 30], 4, 4) == 30.0
    assert math.isnan(area([1], [10], 0.5, 0.5))


@pytest.mark.parametrize(("start", "end"), [(0.0, 1.0), (-1.0, 1.0), (2.0, 1.0), (NAN, 1.0)])
def test_an_interval_begins_above_zero_and_before_it_ends(start, end):
    with pytest.raises(InvalidSetting, match="0 < start <= end"):
        area([1], [10], start, end)


@given(COSTS, st.floats(-1e6, 1e6), st.floats(0.01, 10.0), st.floats(1.1, 1e4))
def test_the_mean_of_a_constant_is_the_constant(costs, value, start, ratio):
    ends = np.cumsum([0.0, *costs])
    found = log_time_area(ends, np.full(len(ends), value), start=start, end=start * ratio)
    assert found == pytest.approx(value, rel=1e-12, abs=1e-12)


@given(COSTS, st.floats(0.01, 10.0), st.floats(1.1, 1e4), st.floats(0.1, 1e3))
def test_the_unit_of_cost_does_not_matter(costs, start, ratio, unit):
    # Edges of the interval that fall on a step may be rounded to either side of it, but a value
    # that holds over no length adds nothing.
    ends, values = np.cumsum([0.0, *costs]), np.arange(len(costs) + 1.0)
    first = log_time_area(ends, values, start=start, end=start * ratio)
    second = log_time_area(ends * unit, values, start=start * unit, end=start * ratio * unit)
    assert first == pytest.approx(second, rel=1e-9, abs=1e-9)


def test_as_numeric_integration_has_it():
    rng = np.random.default_rng(0)
    ends, values = np.cumsum(rng.exponential(10.0, 12)), rng.normal(90.0, 2.0, 12)
    start, end = float(ends[1]) + 1.0, float(ends[-1]) + 20.0
    inside = np.log(ends[(ends > start) & (ends < end)])
    found, _ = integrate.quad(
        lambda log: float(at(np.exp(np.array([log])), ends, values)[0]),
        math.log(start),
        math.log(end),
        points=inside,
        limit=200,
    )
    expected = found / math.log(end / start)
    assert area(ends, values, start, end) == pytest.approx(expected, rel=1e-9)


# Checkpoints.


def test_checkpoints_are_halves_of_the_budget():
    assert checkpoints(20_000.0).tolist() == [2500.0, 5000.0, 10_000.0, 20_000.0]
    assert checkpoints(3.0, 3).tolist() == [0.75, 1.5, 3.0]
    assert checkpoints(7.0, 1).tolist() == [7.0]


def test_whole_checkpoints_are_rounded_up_and_given_once():
    assert checkpoints(200, whole=True).tolist() == [25.0, 50.0, 100.0, 200.0]
    assert checkpoints(100, whole=True).tolist() == [13.0, 25.0, 50.0, 100.0]
    assert checkpoints(3, whole=True).tolist() == [1.0, 2.0, 3.0]
    assert checkpoints(1, whole=True).tolist() == [1.0]
