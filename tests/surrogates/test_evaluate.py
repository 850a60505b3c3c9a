"""The measures of predictions agree with scikit-learn, scipy and sums done by hand."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from nasbench_suite.core import InvalidSetting
from nasbench_suite.surrogates import evaluate

# Few distinct values, so that there are ties; halves are exact.
VALUES = arrays(np.float64, st.integers(3, 40), elements=st.integers(-20, 20).map(lambda n: n / 2))


@st.composite
def pairs(draw):
    y = draw(VALUES)
    mean = draw(arrays(np.float64, len(y), elements=st.integers(-20, 20).map(lambda n: n / 2)))
    assume(np.ptp(y) > 0)
    return y, mean


@pytest.fixture
def predictions():
    rng = np.random.default_rng(0)
    y = rng.normal(90, 3, 400)
    return y, y + rng.normal(0, 1, 400), rng.uniform(0.5, 2, 400)


# Against others.


@given(pairs())
def test_order_agrees_with_scipy(pair):
    y, mean = pair
    if np.ptp(mean) == 0:
        for name in ("kendall", "spearman", "pearson"):
            assert math.isnan(getattr(evaluate, name)(y, mean))
        return
    assert evaluate.spearman(y, mean) == pytest.approx(stats.spearmanr(y, mean).statistic, abs=1e-9)
    assert evaluate.pearson(y, mean) == pytest.approx(stats.pearsonr(y, mean).statistic, abs=1e-9)
    # Kendall's τ-b by its definition.
    i, j = np.triu_indices(len(y), 1)
    one, other = np.sign(y[i] - y[j]), np.sign(mean[i] - mean[j])
    by_hand = (one @ other) / math.sqrt((one @ one) * (other @ other))
    assert evaluate.kendall(y, mean) == pytest.approx(by_hand, abs=1e-9)


def test_distances_agree_with_scikit_learn(predictions):
    metrics = pytest.importorskip("sklearn.metrics")
    y, mean, _ = predictions
    assert evaluate.r2(y, mean) == pytest.approx(metrics.r2_score(y, mean), rel=1e-12)
    assert evaluate.mae(y, mean) == pytest.approx(metrics.mean_absolute_error(y, mean), rel=1e-12)
    squared = metrics.mean_squared_error(y, mean)
    assert evaluate.rmse(y, mean) == pytest.approx(math.sqrt(squared), rel=1e-12)


def test_likelihood_agrees_with_scipy(predictions):
    y, mean, std = predictions
    likelihood = stats.norm.logpdf(y, mean, std).mean()
    found = evaluate.negative_log_likelihood(y, mean, std)
    assert found == pytest.approx(-likelihood, rel=1e-12)


def test_calibration_by_hand(predictions):
    y, mean, std = predictions
    levels = [n / 100 for n in range(1, 100)]
    missed = [abs(np.mean(y <= stats.norm.ppf(p, mean, std)) - p) for p in levels]
    assert evaluate.calibration_error(y, mean, std) == pytest.approx(np.mean(missed), abs=1e-12)


def test_shares_below_quantiles_by_hand():
    """One far below counts from the first, one at its mean from 0.5 on, a sure one at the last."""
    y, mean, std = np.array([3.0, 0.0, -9.0]), np.array([3.0, 0.0, 9.0]), np.array([2.0, 0.0, 1.0])
    found = evaluate.below(y, mean, std)
    assert found[:49] == pytest.approx(np.full(49, 1 / 3))
    assert found[49:98] == pytest.approx(np.full(49, 2 / 3))


@given(pairs(), st.floats(0.1, 10))
def test_shares_below_quantiles_rise_and_know_no_unit(pair, spread):
    y, mean = pair
    std = np.full(len(y), spread)
    found = evaluate.below(y, mean, std)
    assert (np.diff(found) >= 0).all()
    assert 0 <= found[0] <= found[-1] <= 1
    assert np.array_equal(evaluate.below(4 * y, 4 * mean, 4 * std), found)
    off = np.abs(found - np.arange(1, 100) / 100).mean()
    assert evaluate.calibration_error(y, mean, std) == pytest.approx(off)


def test_intervals_by_hand():
    y = np.array([0.0, 0.0, 0.0, 0.0])
    mean = np.array([1.0, 1.7, -1.6, 0.0])
    assert evaluate.coverage(y, mean, np.ones(4)) == 0.75
    # 3.29 standard deviations.
    assert evaluate.width(np.array([1.0, 3.0])) == pytest.approx(2 * 1.6448536 * 2)


# The best.

Y = np.array([5.0, 1.0, 4.0, 3.0, 2.0])
MEAN = np.array([3.0, 2.0, 5.0, 4.0, 1.0])


def test_the_best_by_hand():
    """Predicted best to worst: places 2, 3, 0, 1, 4, which truly are 4, 3, 5, 1, 2."""
    assert [evaluate.precision_at(k, Y, MEAN) for k in (1, 2, 3, 4)] == [0, 0.5, 1, 0.75]
    assert [evaluate.regret_at(k, Y, MEAN) for k in (1, 2, 3)] == [1, 1, 0]
    # Less is better: 4, 1, 0, 3, 2, which truly are 2, 1, 5, 3, 4.
    assert [evaluate.precision_at(k, Y, MEAN, "min") for k in (1, 2, 3)] == [0, 1, 2 / 3]
    assert [evaluate.regret_at(k, Y, MEAN, "min") for k in (1, 2)] == [1, 0]


def test_what_equals_the_last_of_the_best_is_of_them():
    y = np.array([2.0, 3.0, 2.0, 1.0])
    assert evaluate.precision_at(2, y, np.array([1.0, 2.0, 3.0, 0.0])) == 1
    assert evaluate.precision_at(2, y, np.array([1.0, 2.0, 0.0, 3.0])) == 0.5


def test_of_as_many_as_there_are_nothing_is_chosen():
    assert math.isnan(evaluate.precision_at(5, Y, MEAN))
    assert math.isnan(evaluate.regret_at(5, Y, MEAN))


@given(pairs(), st.integers(1, 10))
def test_less_is_better_is_more_of_the_negative(pair, k):
    y, mean = pair
    for name in ("precision_at", "regret_at"):
        measured = getattr(evaluate, name)
        turned = measured(k, -y, -mean, "max")
        assert measured(k, y, mean, "min") == pytest.approx(turned, nan_ok=True)


# What must hold of any predictions.


@given(pairs())
def test_order_is_all_that_ranks_see(pair):
    y, mean = pair
    other = np.exp(mean / 5) + 7
    for name in ("kendall", "spearman"):
        measured = getattr(evaluate, name)
        assert measured(y, other) == pytest.approx(measured(y, mean), abs=1e-9, nan_ok=True)
        assert measured(y, -mean) == pytest.approx(-measured(y, mean), abs=1e-9, nan_ok=True)
        assert measured(mean, y) == pytest.approx(measured(y, mean), abs=1e-9, nan_ok=True)


@given(pairs(), st.sampled_from([0.25, 2.0, 1024.0]), st.integers(-100, 100))
def test_the_unit_does_not_matter(pair, scale, shift):
    y, mean = pair
    std = np.linspace(0.5, 2, len(y))
    one = evaluate.measure(y, mean, std)
    other = evaluate.measure(scale * y + shift, scale * mean + shift, scale * std)
    kept = ("kendall", "spearman", "pearson", "r2", "precision_at_10", "calibration_error")
    for name in (*kept, "coverage"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), abs=1e-9, nan_ok=True)
    for name in ("rmse", "mae", "regret_at_1", "width"):
        assert getattr(other, name) == pytest.approx(
            scale * getattr(one, name), abs=1e-9, nan_ok=True
        )
    assert other.negative_log_likelihood == pytest.approx(
        one.negative_log_likelihood + math.log(scale), abs=1e-9
    )


@given(pairs())
def test_the_mean_explains_nothing_and_the_truth_all(pair):
    y, _ = pair
    std = np.ones(len(y))
    nothing = evaluate.measure(y, np.full(len(y), y.mean()), std)
    assert nothing.r2 == 0
    assert nothing.rmse == pytest.approx(y.std())
    assert math.isnan(nothing.kendall)
    everything = evaluate.measure(y, y, std)
    assert everything[:5] == pytest.approx((1, 1, 1, 1, 1))
    assert everything.rmse == everything.mae == 0
    assert everything.coverage == 1


def test_an_exact_gaussian_is_calibrated():
    rng = np.random.default_rng(1)
    std = rng.uniform(0.1, 5, 100_000)
    mean = rng.normal(0, 10, 100_000)
    y = rng.normal(mean, std)
    found = evaluate.measure(y, mean, std)
    assert found.coverage == pytest.approx(0.9, abs=0.004)
    assert found.calibration_error < 0.004
    # No other spread is likelier, and either is worse calibrated.
    for wrong, least in ((std / 2, 0.08), (std * 2, 0.08)):
        other = evaluate.measure(y, mean, wrong)
        assert other.negative_log_likelihood > found.negative_log_likelihood
        assert other.calibration_error > least
        assert abs(other.coverage - 0.9) > 0.08


def test_rounding_forgives_what_is_less_than_a_tenth():
    y = np.array([93.01, 93.04, 94.21, 94.24])
    mean = np.array([93.04, 93.01, 94.24, 94.21])
    assert evaluate.kendall(y, mean) == pytest.approx(1 / 3)
    assert evaluate.sparse_kendall(y, mean) == pytest.approx(1)


def test_without_a_spread_nothing_is_likely():
    y = np.array([1.0, 2.0, 3.0, 4.0])
    mean = np.array([1.0, 2.0, 3.5, 3.0])
    found = evaluate.measure(y, mean, np.zeros(4))
    assert found.negative_log_likelihood == math.inf
    assert (found.coverage, found.width) == (0.5, 0)
    # A quarter lies below what it is held to be, and so below every quantile; the others do not.
    missed = [abs(0.25 - p / 100) for p in range(1, 100)]
    assert found.calibration_error == pytest.approx(np.mean(missed))


# Wrong input.


@pytest.mark.parametrize(
    ("y", "mean", "std", "said"),
    [
        ([1, 2], [1, 2, 3], [1, 1], "shape"),
        ([1], [1], [1], "at least 2"),
        ([1, np.nan], [1, 2], [1, 1], "true value 1 is nan"),
        ([1, 2, 3], [1, 2, np.inf], [1, 1, 1], "prediction 2 is inf"),
        ([1, 2], [1, 2], [np.nan, 1], "deviation 0 is nan"),
        ([1, 2], [1, 2], [1, -0.5], "deviation 1 is -0.5"),
        ([7, 7, 7], [1, 2, 3], [1, 1, 1], "all 3 true values are 7"),
    ],
)
def test_what_cannot_be_judged_is_refused(y, mean, std, said):
    with pytest.raises(InvalidSetting, match=said):
        evaluate.measure(*(np.array(v, dtype=np.float64) for v in (y, mean, std)))
