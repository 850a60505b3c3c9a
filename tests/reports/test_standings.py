"""Who is best, who is tied, how far from the optimum, and how runs are spread."""

import math
from types import SimpleNamespace

import numpy as np

from nasbench_suite.core import Metric
from nasbench_suite.scoring.summary import Score, spread, standings

NAN = math.nan


def stand(rows, direction="max", optimum=None):
    """The standings of (mean, low, high) in the order a, b, c, ..."""
    scores = tuple(
        Score("x/y", name, 10, 5, "m", mean, 1.0, low, high)
        for name, (mean, low, high) in zip("abcdef", rows, strict=False)
    )
    metric = Metric("m", "%", direction, "test", "")
    known = {} if optimum is None else {"x/y": optimum}
    summary = SimpleNamespace(scores=scores, reported={"x/y": metric}, optimum=known)
    return [(s.score.strategy, s.place, s.regret) for s in standings(summary, "x/y")]


def test_best_first_and_ties():
    rows = [(90, 89, 91), (94, 93, 95), (92.5, 91.5, 93.5)]
    assert [s[:2] for s in stand(rows)] == [("b", "best"), ("c", "tied"), ("a", "")]


def test_less_is_better():
    rows = [(3.0, 2.5, 3.5), (1.0, 0.5, 1.5)]
    assert stand(rows, "min", 0.25) == [("b", "best", 0.75), ("a", "", 2.75)]


def test_regret():
    assert stand([(93.0, 92, 94)], optimum=94.5) == [("a", "best", 1.5)]
    assert math.isnan(stand([(93.0, 92, 94)])[0][2])


def test_single_runs_tie_only_if_equal():
    rows = [(93.0, NAN, NAN), (94.0, NAN, NAN), (94.0, NAN, NAN)]
    assert [s[:2] for s in stand(rows)] == [("b", "best"), ("c", "tied"), ("a", "")]


def test_unmeasured_come_last():
    rows = [(NAN, NAN, NAN), (1.0, 0.5, 1.5)]
    assert [s[:2] for s in stand(rows)] == [("b", "best"), ("a", "")]
    assert [s[:2] for s in stand([(NAN, NAN, NAN)])] == [("a", "")]


def test_spread():
    found = spread(np.array([4.0, NAN, 0.0, 1.0, 3.0, 2.0]))
    assert found is not None
    assert (found.least, found.quarter, found.median) == (0, 1, 2)
    assert (found.three_quarters, found.most) == (3, 4)
    assert spread(np.array([NAN])) is None
