"""The interquartile mean and bootstrap intervals, by hand, against scipy and by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from nasbench_suite.scoring import bootstrap
from nasbench_suite.scoring.bootstrap import (
    bootstrap_interval,
    interquartile_mean,
    stratified_interval,
)

STATISTICS = [np.mean, np.median, interquartile_mean]


def rng(seed=0):
    return np.random.default_rng(seed)


# The interquartile mean.


def test_a_quarter_is_left_out_at_each_end():
    # Of eight values two at each end; of seven only one.
    eight = np.array([1e9, 4.0, 1.0, 3.0, -1e9, 5.0, 6.0, 2.0])
    assert interquartile_mean(eight) == (2 + 3 + 4 + 5) / 4
    assert interquartile_mean(eight[1:]) == (1 + 2 + 3 + 4 + 5) / 5
    assert interquartile_mean(eight[1:4]) == eight[1:4].mean()


@given(
    hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=9), elements=st.floats(-9, 9)),
    st.data(),
)
def test_as_scipy_trims_the_mean(values, data):
    axis = data.draw(st.integers(0, values.ndim - 1))
    np.testing.assert_allclose(
        interquartile_mean(values, axis), stats.trim_mean(values, 0.25, axis), atol=1e-12
    )


def test_a_run_without_a_value_leaves_no_interquartile_mean():
    values = np.arange(16.0).reshape(8, 2)
    values[3, 0] = np.nan
    np.testing.assert_array_equal(interquartile_mean(values), [np.nan, 8.0])


# Intervals.


def test_all_drawings_of_two_runs():
    # Two runs drawn anew have the mean 0, 5 or 10 with the chances 1/4, 1/2 and 1/4.
    values = np.array([0.0, 10.0])
    assert bootstrap_interval(values, np.mean, rng(), 0.4) == (5.0, 5.0)
    assert bootstrap_interval(values, np.mean, rng(), 0.6) == (0.0, 10.0)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_as_scipy_has_it(statistic):
    values = rng(1).normal(90.0, 2.0, 40)
    found = bootstrap_interval(values, statistic, rng(2), 0.9, 20_000)
    expected = stats.bootstrap(
        (values,),
        lambda drawn, axis: statistic(drawn, axis),
        n_resamples=20_000,
        confidence_level=0.9,
        method="percentile",
        rng=rng(3),
    ).confidence_interval
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_the_interval_covers_as_often_as_it_says():
    # Every column is an experiment of its own; the interquartile mean of a normal is its mean.
    values = rng(4).normal(5.0, 1.0, (40, 4000))
    low, high = bootstrap_interval(values, interquartile_mean, rng(5), resamples=400)
    covered = np.mean((low <= 5.0) & (high >= 5.0))
    assert covered == pytest.approx(0.94, abs=0.015)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_the_runs_are_the_first_axis(statistic):
    values = rng(6).normal(size=(9, 3, 2))
    low, high = bootstrap_interval(values, statistic, rng(7))
    assert low.shape == high.shape == (3, 2)
    assert (low < statistic(values, 0)).all()
    assert (statistic(values, 0) < high).all()
    # The same runs are drawn for all columns.
    alone = bootstrap_interval(values[:, 2, 1], statistic, rng(7))
    np.testing.assert_allclose(alone, (low[2, 1], high[2, 1]), rtol=1e-12)


@pytest.mark.parametrize("at_once", [1, 100, 7000])
def test_how_many_are_drawn_at_once_does_not_matter(monkeypatch, at_once):
    values = rng(8).normal(size=(7, 10))
    expected = bootstrap_interval(values, np.median, rng(9), resamples=150)
    monkeypatch.setattr(bootstrap, "_AT_ONCE", at_once)
    drawn = []

    def median(values, axis):
        drawn.append(values.shape)
        return np.median(values, axis)

    found = bootstrap_interval(values, median, rng(9), resamples=150)
    np.testing.assert_array_equal(found, expected)
    assert sum(shape[0] for shape in drawn) == 150
    assert max(math.prod(shape) for shape in drawn) <= max(at_once, values.size)


def test_a_single_run_has_no_interval():
    assert np.isnan(bootstrap_interval(np.array([91.0]), np.mean, rng())).all()
    low, high = bootstrap_interval(np.array([[91.0, 92.0]]), np.mean, rng())
    assert low.shape == high.shape == (2,)
    assert np.isnan([low, high]).all()


@pytest.mark.parametrize("statistic", STATISTICS)
def test_where_a_run_has_no_value_nothing_is_said(statistic):
    values = rng(10).normal(size=(8, 2))
    values[3, 0] = np.nan
    low, high = bootstrap_interval(values, statistic, rng(11))
    assert np.isnan([low[0], high[0]]).all()
    assert np.isfinite([low[1], high[1]]).all()


# Over tasks.


def test_runs_are_drawn_within_their_task():
    # Runs of a task are all the same, so nothing is left to chance but between tasks, which stay.
    tasks = [np.full(5, 0.2), np.full(10, 0.8)]
    low, high = stratified_interval(tasks, np.mean, rng())
    np.testing.assert_allclose((low, high), 0.6, rtol=1e-12)
    low, high = bootstrap_interval(np.concatenate(tasks), np.mean, rng())
    assert high - low > 0.2


def test_over_tasks_the_variances_within_them_add_up():
    tasks = [rng(12).normal(0.0, 1.0, 200), rng(13).normal(50.0, 3.0, 200)]
    low, high = stratified_interval(tasks, np.mean, rng(14), resamples=10_000)
    deviation = np.sqrt(sum(np.var(task) / 200 for task in tasks) / 4)
    assert (low + high) / 2 == pytest.approx(np.mean(tasks), abs=0.02)
    assert high - low == pytest.approx(2 * 1.96 * deviation, rel=0.04)


def test_a_task_with_a_single_run_leaves_no_interval():
    tasks = [np.array([1.0, 2.0, 3.0]), np.array([1.0])]
    assert np.isnan(stratified_interval(tasks, np.mean, rng())).all()
