"""Ranks and tests of ranks, by hand, against scipy, scikit-posthocs and published tables."""

import itertools
import math

import numpy as np
import pytest
import scikit_posthocs
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from nasbench_suite.scoring.comparisons import probability_of_improvement
from nasbench_suite.scoring.ranks import (
    average_ranks,
    critical_difference,
    expected_ranks,
    friedman,
    groups,
    nemenyi,
    ranks,
)

NAN = math.nan
# Few values, so that ties are common, and some runs without one.
VALUES = st.integers(-3, 3).map(float) | st.just(NAN)


# Ranks.


def test_ranks_by_hand():
    values = np.array([[3.0, 1.0, 2.0], [5.0, 5.0, 7.0], [1.0, 1.0, 1.0]])
    expected = [[1.0, 3.0, 2.0], [2.5, 2.5, 1.0], [2.0, 2.0, 2.0]]
    assert ranks(values).tolist() == expected
    assert average_ranks(values) == pytest.approx([5.5 / 3, 7.5 / 3, 5 / 3])


def test_what_has_no_value_ranks_last():
    assert ranks(np.array([NAN, -5.0, NAN, 2.0])).tolist() == [3.5, 2.0, 3.5, 1.0]
    assert ranks(np.array([NAN, NAN, NAN])).tolist() == [2.0, 2.0, 2.0]


@given(hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=6), elements=VALUES))
def test_ranks_sum_to_the_same_and_know_only_the_order(values):
    k = values.shape[-1]
    found = ranks(values)
    np.testing.assert_array_equal(found.sum(axis=-1), k * (k + 1) / 2)
    np.testing.assert_array_equal(ranks(np.exp(values)), found)


# Expected ranks.


def test_expected_ranks_by_hand():
    # The first draws 1 or 3 against 2: the ranks 2 and 1 in turn.
    found = expected_ranks(np.array([[1.0, 3.0], [2.0, 2.0]]))
    assert found.tolist() == [1.5, 1.5]
    # At the second point it has a value in one run, and the other strategy in none.
    curves = np.array([[[1.0, NAN], [3.0, 5.0]], [[0.0, NAN], [0.0, NAN]]])
    assert expected_ranks(curves).tolist() == [[1.0, 1.25], [2.0, 1.75]]


@given(hnp.arrays(np.float64, (3, 3), elements=VALUES))
def test_expected_ranks_are_means_over_all_combinations_of_runs(values):
    drawn = [values[range(3), runs] for runs in itertools.product(range(3), repeat=3)]
    np.testing.assert_allclose(expected_ranks(values), average_ranks(np.array(drawn)), rtol=1e-12)


@given(hnp.arrays(np.float64, hnp.array_shapes(min_dims=3, max_dims=3), elements=VALUES))
def test_expected_ranks_are_what_the_probabilities_of_improvement_add_up_to(curves):
    found = expected_ranks(curves)
    strategies, _, points = curves.shape
    for i, point in itertools.product(range(strategies), range(points)):
        lost = [
            probability_of_improvement(curves[j, :, point], curves[i, :, point])
            for j in range(strategies)
            if j != i
        ]
        assert found[i, point] == pytest.approx(1 + sum(lost), rel=1e-12)
    np.testing.assert_allclose(found.sum(axis=0), strategies * (strategies + 1) / 2, rtol=1e-12)


def test_with_a_single_run_expected_ranks_are_ranks():
    values = np.array([3.0, NAN, 2.0, 3.0])
    assert expected_ranks(values[:, None]).tolist() == ranks(values).tolist()


# Friedman's test.


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(2, 8), st.integers(3, 6)),
        elements=st.integers(0, 5).map(float),
    )
)
def test_as_scipy_has_it(values):
    found = friedman(values)
    if (values == values[:, :1]).all():
        assert np.isnan(found).all()
        return
    expected = stats.friedmanchisquare(*values.T)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-12)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)


def test_demsars_example():
    # Table 6: the areas under ROC curves of four classifiers on fourteen data sets. Of the last
    # but one he ranks the last two classifiers apart, which are printed the same.
    table = """
        0.763 0.768 0.771 0.798   0.599 0.591 0.590 0.569   0.954 0.971 0.968 0.967
        0.628 0.661 0.654 0.657   0.882 0.888 0.886 0.898   0.936 0.931 0.916 0.931
        0.661 0.668 0.609 0.685   0.583 0.583 0.563 0.625   0.775 0.838 0.866 0.875
        1.000 1.000 1.000 1.000   0.940 0.962 0.965 0.962   0.619 0.666 0.614 0.669
        0.972 0.981 0.9751 0.975  0.957 0.978 0.946 0.970
    """
    values = np.array(table.split(), float).reshape(14, 4)
    assert average_ranks(values) == pytest.approx([3.143, 2.0, 2.893, 1.964], abs=5e-4)
    found = friedman(values)
    # His 9.28 is not corrected for ties: all ranks of one data set, and a pair in three more.
    most = 14 * 4 * 15 / 12
    tied = 60 / 12 + 3 * 6 / 12
    assert found.statistic * (most - tied) / most == pytest.approx(9.28, abs=0.01)
    # Nor is F, a function of it.
    uncorrected = 13 * 9.28 / (14 * 3 - 9.28)
    assert uncorrected == pytest.approx(3.69, abs=0.005)
    assert found.f > uncorrected
    # The critical difference is 1.25, and 1.12 for 0.10.
    assert critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert critical_difference(4, 14, 0.10) == pytest.approx(1.12, abs=0.005)


def test_the_f_of_friedman_is_that_of_an_analysis_of_variance_of_ranks():
    values = np.random.default_rng(0).normal(size=(7, 5)).round(1)
    found = friedman(values)
    off = ranks(values) - 3.0
    between = 7 * (off.mean(axis=0) ** 2).sum()
    residual = (off**2).sum() - between
    f = (between / 4) / (residual / 24)
    assert found.f == pytest.approx(f, rel=1e-12)
    assert found.f_p == pytest.approx(stats.f.sf(f, 4, 24), rel=1e-9)


def test_where_all_blocks_agree_f_is_infinite():
    found = friedman(np.tile([3.0, 1.0, 2.0], (3, 1)))
    assert (found.statistic, found.f, found.f_p) == (6.0, math.inf, 0.0)
    assert found.p == pytest.approx(math.exp(-3))


@pytest.mark.parametrize("shape", [(5, 2), (1, 5), (1, 1)])
def test_too_few_strategies_or_blocks_tell_nothing(shape):
    assert np.isnan(friedman(np.random.default_rng(0).normal(size=shape))).all()


def test_friedman_is_wrong_as_often_as_it_says():
    rng = np.random.default_rng(1)
    found = [friedman(rng.normal(size=(12, 6))) for _ in range(2000)]
    assert np.mean([test.p < 0.05 for test in found]) == pytest.approx(0.05, abs=0.015)
    assert np.mean([test.f_p < 0.05 for test in found]) == pytest.approx(0.05, abs=0.015)


# Nemenyi's test.


@pytest.mark.parametrize(
    ("level", "quantiles"),
    [
        (0.05, [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]),
        (0.10, [1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920]),
    ],
)
def test_the_critical_difference_has_demsars_quantiles(level, quantiles):
    for k, quantile in enumerate(quantiles, start=2):
        expected = quantile * math.sqrt(k * (k + 1) / (6 * 30))
        # His table is of rounded quantiles over a rounded root, so the last digit may be off.
        assert critical_difference(k, 30, level) == pytest.approx(expected, rel=4e-4)


def test_a_strategy_alone_has_no_critical_difference():
    assert math.isnan(critical_difference(1, 5))


@pytest.mark.parametrize(("blocks", "strategies"), [(3, 4), (10, 3), (2, 2), (14, 9)])
def test_as_scikit_posthocs_has_it(blocks, strategies):
    values = np.random.default_rng(blocks).normal(size=(blocks, strategies)).round(1)
    found = nemenyi(values)
    expected = scikit_posthocs.posthoc_nemenyi_friedman(values).to_numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(found.diagonal(), 1.0)


def test_ranks_a_critical_difference_apart_have_the_p_of_the_level():
    # Every block ranks alike, so the averages are 1 to 5.
    values = np.tile(np.arange(5.0, 0.0, -1.0), (6, 1))
    found = nemenyi(values)
    for level in (0.5, 0.05, 0.001):
        apart = np.abs(np.subtract.outer(range(5), range(5))) >= critical_difference(5, 6, level)
        np.testing.assert_array_equal(found <= level, apart)


# Groups.


@pytest.mark.parametrize(
    ("averages", "difference", "expected"),
    [
        ([1.0, 2.0, 3.0, 4.0], 1.5, [(0, 1), (1, 2), (2, 3)]),
        ([4.0, 1.0, 3.5, 1.5], 1.0, [(1, 3), (2, 0)]),
        ([1.0, 2.0, 3.0, 4.0], 9.0, [(0, 1, 2, 3)]),
        ([1.0, 2.0, 3.0, 4.0], 0.5, []),
        # Exactly the critical difference apart is told apart.
        ([1.0, 2.0, 4.0], 1.0, []),
        ([1.0, 2.0, 2.5, 4.0], 1.75, [(0, 1, 2), (2, 3)]),
        ([2.0, 2.0, 2.0], 0.1, [(0, 1, 2)]),
        ([1.0], 1.0, []),
        ([1.0], NAN, []),
    ],
)
def test_groups_by_hand(averages, difference, expected):
    assert groups(np.array(averages), difference) == tuple(expected)


@given(
    hnp.arrays(np.float64, st.integers(1, 8), elements=st.integers(2, 16).map(lambda n: n / 2)),
    st.sampled_from([0.25, 0.75, 1.0, 2.25, 4.0]),
)
def test_groups_are_the_largest_sets_that_are_not_told_apart(averages, difference):
    places = range(len(averages))

    def together(chosen):
        return np.ptp(averages[list(chosen)]) < difference

    every = [
        set(chosen)
        for size in range(2, len(averages) + 1)
        for chosen in itertools.combinations(places, size)
        if together(chosen)
    ]
    largest = [chosen for chosen in every if not any(chosen < other for other in every)]
    found = groups(averages, difference)
    assert sorted(map(sorted, found)) == sorted(map(sorted, largest))
    for group in found:
        assert (np.diff(averages[list(group)]) >= 0).all()
