"""From where to where runs are compared, by hand."""

import math

import numpy as np
import pytest

from nasbench_suite.core import Budget, Metric
from nasbench_suite.scoring.scores import Steps, areas, horizon, values_at

NAN = math.nan
MANY = Budget(100)
ACCURACY = Metric("a", "%", "max", "test", "")


def made(ends, values, epochs=()):
    return Steps(np.array(ends), np.array(values), len(ends), 0.0, epochs=np.array(epochs))


LATE = made([2.0, 5.0, 9.0, 20.0], [NAN, 60.0, 80.0, 90.0])
EARLY = made([1.0, 3.0, 12.0], [50.0, 70.0, 75.0])
NEVER = made([1.0, 2.0], [NAN, NAN])
SOON = made([1.0, 3.0], [50.0, 70.0])


def test_the_span_is_where_every_run_has_a_value():
    assert horizon([LATE, EARLY], "seconds", MANY) == (5.0, 12.0)
    assert horizon([LATE, EARLY], "evaluations", MANY) == (2.0, 3.0)
    assert horizon([EARLY], "seconds", MANY) == (1.0, 12.0)


@pytest.mark.parametrize(
    ("budget", "end"),
    [
        # Of four and three trials, the last ended at 20 and 12.
        (Budget(seconds=30.0), 30.0),
        (Budget(5, seconds=30.0), 30.0),
        (Budget(4, seconds=30.0), 20.0),
        (Budget(3, seconds=30.0), 12.0),
        (Budget(seconds=30.0, real_seconds=1.0), 12.0),
        (Budget(5, real_seconds=1.0), 12.0),
    ],
)
def test_a_run_that_seconds_ended_lasts_to_the_last_of_them(budget, end):
    assert horizon([LATE, EARLY], "seconds", budget) == (5.0, end)
    assert horizon([LATE, EARLY], "evaluations", budget) == (2.0, 3.0)


SHORT_FIRST = made([2.0, 3.0, 9.0], [NAN, 60.0, 80.0], [4.0, 8.0, 16.0])
LONG_FIRST = made([5.0, 7.0], [50.0, 70.0], [12.0, 12.0])


@pytest.mark.parametrize(
    ("budget", "end"),
    [
        # Of three and two trials, the last ended at 16 and 12 epochs.
        (Budget(epochs=20), 20.0),
        (Budget(4, epochs=20), 20.0),
        (Budget(3, epochs=20), 16.0),
        (Budget(2, epochs=20), 12.0),
        # No log says which of several limits ended it.
        (Budget(epochs=20, seconds=30.0), 12.0),
        (Budget(epochs=20, real_seconds=1.0), 12.0),
    ],
)
def test_a_run_that_epochs_ended_lasts_to_the_last_of_them(budget, end):
    runs = [SHORT_FIRST, LONG_FIRST]
    assert horizon(runs, "epochs", budget) == (12.0, end)
    assert horizon(runs, "seconds", budget) == (5.0, 7.0)
    assert horizon(runs, "evaluations", budget) == (2.0, 2.0)


def test_values_on_epochs():
    """Of trials that end at the same epochs, the last one's value holds."""
    found = values_at([SHORT_FIRST, LONG_FIRST], "epochs", np.array([4.0, 8.0, 12.0, 20.0]))
    np.testing.assert_array_equal(found[0], [NAN, 60.0, 60.0, 80.0])
    np.testing.assert_array_equal(found[1], [NAN, NAN, 70.0, 70.0])
    span = horizon([SHORT_FIRST, LONG_FIRST], "epochs", Budget(epochs=24))
    areas_found = areas([SHORT_FIRST, LONG_FIRST], "epochs", span, ACCURACY, 100.0)
    first = (40 * math.log(16 / 12) + 20 * math.log(24 / 16)) / math.log(2)
    assert areas_found.tolist() == pytest.approx([first, 30.0])


@pytest.mark.parametrize("runs", [[NEVER], [EARLY, NEVER], [NEVER, EARLY], [LATE, SOON]])
def test_runs_without_a_value_in_common_have_no_span(runs):
    assert all(map(math.isnan, horizon(runs, "seconds", MANY)))


def test_areas_of_two_runs():
    """From 5 to 12: the late run holds 60 up to 9 and then 80; the early one holds 70."""
    span = horizon([LATE, EARLY], "seconds", MANY)
    found = areas([LATE, EARLY], "seconds", span, ACCURACY, 100.0)
    late = (40 * math.log(9 / 5) + 20 * math.log(12 / 9)) / math.log(12 / 5)
    assert found.tolist() == pytest.approx([late, 30.0])


@pytest.mark.parametrize(
    ("span", "metric", "optimum"),
    [
        ((NAN, NAN), ACCURACY, 100.0),
        ((5.0, 12.0), ACCURACY, NAN),
        ((5.0, 12.0), ACCURACY._replace(direction="none"), 100.0),
        ((0.0, 12.0), ACCURACY, 100.0),
    ],
)
def test_areas_that_cannot_be_told(span, metric, optimum):
    assert np.isnan(areas([LATE, EARLY], "seconds", span, metric, optimum)).all()


def test_less_is_better():
    loss = ACCURACY._replace(direction="min")
    found = areas([made([1.0, 2.0], [3.0, 1.0])], "seconds", (1.0, 2.0), loss, 0.5)
    assert found.tolist() == [2.5]


def test_values_hold_until_the_next():
    found = values_at([EARLY, LATE], "seconds", np.array([0.5, 1.0, 2.9, 3.0, 30.0]))
    np.testing.assert_array_equal(found[0], [NAN, 50.0, 50.0, 70.0, 75.0])
    np.testing.assert_array_equal(found[1], [NAN, NAN, NAN, NAN, 90.0])
