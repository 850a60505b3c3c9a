"""Intervals of a mean, by hand and against scipy."""

import numpy as np
import pytest
from scipy import stats

from nasbench_suite.scoring.intervals import mean_interval


def test_by_hand():
    # Mean 3, deviations -2 0 2, so the variance is (4 + 0 + 4) / 2 = 4. With two degrees of
    # freedom Student's quantile has a closed form: 4.3027 for 95 %.
    quantile = 0.95 * (2 / (1 - 0.95**2)) ** 0.5
    mean, deviation, low, high = mean_interval(np.array([1.0, 3.0, 5.0]))
    assert (mean, deviation) == (3.0, 2.0)
    assert low == pytest.approx(3 - quantile * 2 / 3**0.5, rel=1e-12)
    assert high == pytest.approx(3 + quantile * 2 / 3**0.5, rel=1e-12)


@pytest.mark.parametrize("runs", [2, 3, 10, 500])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_as_scipy_has_it(runs, level):
    values = np.random.default_rng(runs).normal(90.0, 2.0, (runs, 4, 3))
    mean, deviation, low, high = mean_interval(values, level)
    expected = stats.t.interval(level, runs - 1, loc=mean, scale=stats.sem(values, axis=0))
    np.testing.assert_allclose((low, high), expected, rtol=1e-12)
    np.testing.assert_allclose(deviation, values.std(axis=0, ddof=1), rtol=1e-12)
    np.testing.assert_allclose(mean, values.mean(axis=0), rtol=1e-15)


def test_the_interval_covers_the_mean_as_often_as_it_says():
    values = np.random.default_rng(0).normal(5.0, 1.0, (4, 20_000))
    _, _, low, high = mean_interval(values)
    covered = np.mean((low <= 5.0) & (high >= 5.0))
    assert covered == pytest.approx(0.95, abs=0.006)


def test_a_single_run_has_no_interval():
    mean, deviation, low, high = mean_interval(np.array([[91.0, 92.0]]))
    assert mean.tolist() == [91.0, 92.0]
    assert np.isnan([deviation, low, high]).all()
    mean, deviation, low, high = mean_interval(np.array([91.0]))
    assert mean == 91.0
    assert np.isnan([deviation, low, high]).all()


def test_equal_runs_have_an_interval_of_no_width():
    mean, deviation, low, high = mean_interval(np.full(5, 91.5))
    assert (mean, deviation, low, high) == (91.5, 0.0, 91.5, 91.5)


def test_where_a_run_has_no_value_nothing_is_said():
    values = np.array([[1.0, np.nan], [3.0, 4.0], [5.0, 6.0]])
    found = np.array(mean_interval(values))
    assert np.isfinite(found[:, 0]).all()
    assert np.isnan(found[:, 1]).all()
