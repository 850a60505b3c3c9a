"""What a search would have reported, by hand."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from nasbench_suite import load
from nasbench_suite.core import Budget, NotMeasured, Question, Run, Trial
from nasbench_suite.experiments.run import run
from nasbench_suite.scoring.curves import at, band, ends, failed, incumbents, reported

NAN = math.nan


def a_run(*trials):
    """Return a run of trials given as (score or None, epochs, cost)."""
    made = []
    for number, (score, epochs, cost) in enumerate(trials):
        status = "failed" if score is None else "ok"
        values = {} if score is None else {"a": score}
        score = -math.inf if score is None else score
        made.append(Trial(number, (number,), epochs, values, cost, status, score))
    return Run(
        "s/t", "table", "", "p", "a", "max", "x", None, {}, 0, Budget(1), 1, "0", tuple(made)
    )


def plain(*scores):
    return a_run(*((score, 12, 1.0) for score in scores))


# Incumbents.


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([], []),
        ([5.0], [0]),
        ([1.0, 3.0, 2.0, 4.0], [0, 1, 1, 3]),
        ([-3.0, -1.0, -2.0], [0, 1, 1]),
        ([2.0, 2.0, 2.0], [0, 0, 0]),
        ([1.0, 2.0, 2.0, 1.0, 2.0], [0, 1, 1, 1, 1]),
        ([None, None], [-1, -1]),
        ([None, 1.0, None, 2.0, None], [-1, 1, 1, 3, 3]),
        ([0.0, -0.0], [0, 0]),
    ],
)
def test_the_incumbent_is_the_first_of_the_best(scores, expected):
    assert incumbents(plain(*scores)).tolist() == expected


def test_trials_without_epochs_compare_by_score():
    found = incumbents(a_run((1.0, None, 1.0), (3.0, None, 1.0), (2.0, None, 1.0)))
    assert found.tolist() == [0, 1, 1]


def test_the_longest_training_seen_so_far_decides():
    trials = [
        (90.0, 12, 1.0),  # the first of the short ones
        (95.0, 12, 1.0),  # a better short one
        (80.0, 200, 1.0),  # a long training counts for more, however bad
        (99.0, 12, 1.0),  # a short one no longer matters
        (None, 200, 1.0),  # nor does a failed long one
        (85.0, 200, 1.0),
        (85.0, 200, 1.0),
        (84.0, 400, 1.0),
    ]
    assert incumbents(a_run(*trials)).tolist() == [0, 1, 2, 2, 2, 5, 5, 7]


# What is reported.


def benchmark(values, worst=None):
    """Return a benchmark that knows the reported value of some architectures."""

    def query(arch, metric, *, epochs, seed):
        assert (metric, epochs, seed) == ("test", 200, "mean")
        if values[arch[0]] is None:
            raise NotMeasured("nobody did")
        return values[arch[0]]

    report = Question("test", 200, "mean")
    return SimpleNamespace(
        query=query,
        protocol=lambda name: SimpleNamespace(report=report),
        worst=lambda question: worst,
    )


def test_the_reported_metric_is_that_of_the_incumbent():
    # The search's best need not be the best of what is reported.
    found = reported(plain(1.0, 3.0, 2.0, 4.0), benchmark([70.0, 90.0, 99.0, 80.0]))
    assert found.tolist() == [70.0, 90.0, 90.0, 80.0]


def test_without_an_incumbent_nothing_is_reported():
    found = reported(plain(None, None, 1.0, None), benchmark([0.0, 0.0, 70.0, 0.0]))
    np.testing.assert_array_equal(found, [NAN, NAN, 70.0, 70.0])
    assert reported(plain(), benchmark([])).tolist() == []
    np.testing.assert_array_equal(reported(plain(None), benchmark([1.0])), [NAN])


def test_a_failed_training_counts_as_the_worst_value():
    scores, values = plain(1.0, 2.0, 3.0), [70.0, None, 80.0]
    assert reported(scores, benchmark(values, worst=10.0)).tolist() == [70.0, 10.0, 80.0]
    # Where the table does not cover its space nobody knows the worst.
    np.testing.assert_array_equal(reported(scores, benchmark(values)), [70.0, NAN, 80.0])


@pytest.mark.parametrize(
    ("scores", "values", "expected"),
    [
        ((1.0, 2.0), [70.0, None], True),
        ((2.0, 1.0), [70.0, None], False),
        ((None, None), [None, None], False),
        ((), [], False),
    ],
)
def test_only_what_a_search_names_in_the_end_can_have_failed(scores, values, expected):
    assert failed(plain(*scores), benchmark(values, worst=10.0)) is expected


def test_a_real_run_is_looked_up_trial_by_trial():
    table = load("nasbench201/cifar100")
    done = run("random_search", table, budget=Budget(60), seed=1)
    expected, best = [], None
    for trial in done.trials:
        if best is None or trial.score > best.score:
            best = trial
        expected.append(table.query(best.arch, "test_accuracy", epochs=200))
    assert reported(done, table).tolist() == expected


# Curves.


def test_a_trial_ends_when_all_before_it_are_paid():
    assert ends(a_run((1.0, 12, 2.5), (None, 12, 1.0), (3.0, 12, 4.0))).tolist() == [2.5, 3.5, 7.5]
    assert ends(a_run()).tolist() == []


def test_a_step_curve_holds_the_last_value_reached():
    grid = np.array([0.0, 0.9, 1.0, 1.1, 2.0, 2.9, 3.0, 100.0])
    found = at(grid, np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0]))
    np.testing.assert_array_equal(found, [NAN, NAN, 10.0, 10.0, 20.0, 20.0, 30.0, 30.0])


def test_of_values_reached_at_once_the_last_holds():
    found = at(np.array([1.0, 2.0]), np.array([1.0, 1.0, 2.0, 2.0]), np.arange(4.0))
    assert found.tolist() == [1.0, 3.0]


def test_a_curve_of_no_values_is_nowhere():
    none = np.array([])
    assert np.isnan(at(np.array([0.0, 1.0]), none, none)).all()
    assert at(none, none, none).tolist() == []
    assert at(none, np.array([1.0]), np.array([2.0])).tolist() == []


def test_a_band_needs_a_value_of_every_run():
    grid = np.array([1.0, 2.0, 3.0, 4.0])
    quick = (np.array([1.0, 3.0]), np.array([10.0, 14.0]))
    slow = (np.array([2.0, 4.0]), np.array([20.0, 16.0]))
    found = band(grid, [quick, slow])
    assert found.grid is grid
    assert found.runs == 2
    np.testing.assert_array_equal(found.mean, [NAN, 15.0, 17.0, 15.0])
    half = stats.t.ppf(0.975, 1) * np.array([5.0, 3.0, 1.0])
    np.testing.assert_allclose(found.low[1:], found.mean[1:] - half, rtol=1e-12)
    np.testing.assert_allclose(found.high[1:], found.mean[1:] + half, rtol=1e-12)
    assert np.isnan([found.low[0], found.high[0]]).all()


def test_a_band_of_one_run_has_no_interval():
    found = band(np.array([1.0, 2.0]), [(np.array([1.0, 2.0]), np.array([5.0, 6.0]))])
    assert found.mean.tolist() == [5.0, 6.0]
    assert found.runs == 1
    assert np.isnan([found.low, found.high]).all()


def test_a_band_with_an_empty_run_is_nowhere():
    some = (np.array([1.0]), np.array([5.0]))
    found = band(np.array([1.0, 2.0]), [some, (np.array([]), np.array([]))])
    assert np.isnan([found.mean, found.low, found.high]).all()
