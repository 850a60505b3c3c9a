"""Who is best, who is tied, how far from the optimum, and how runs are spread."""

import math
from types import SimpleNamespace

import numpy as np

from nasbench_suite.core import Metric
from nasbench_suite.scoring.standings import spread, standings

NAN = math.nan


def stand(rows, direction="max"):
    """The standings of (mean, low, high) in the order a, b, c, ..."""
    scores = tuple(
        SimpleNamespace(strategy=name, mean=mean, ci_low=low, ci_high=high)
        for name, (mean, low, high) in zip("abcdef", rows, strict=False)
    )
    metric = Metric("m", "%", direction, "test", "")
    summary = SimpleNamespace(of=lambda benchmark: scores, reported={"x/y": metric})
    return [(s.score.strategy, s.place) for s in standings(summary, "x/y")]


def test_best_first_and_ties():
    rows = [(90, 89, 91), (94, 93, 95), (92.5, 91.5, 93.5)]
    assert stand(rows) == [("b", "best"), ("c", "tied"), ("a", "")]


def test_less_is_better():
    rows = [(3.0, 2.5, 3.5), (1.0, 0.5, 1.5)]
    assert stand(rows, "min") == [("b", "best"), ("a", "")]


def test_single_runs_tie_only_if_equal():
    rows = [(93.0, NAN, NAN), (94.0, NAN, NAN), (94.0, NAN, NAN)]
    assert stand(rows) == [("b", "best"), ("c", "tied"), ("a", "")]


def test_unmeasured_come_last():
    rows = [(NAN, NAN, NAN), (1.0, 0.5, 1.5)]
    assert stand(rows) == [("b", "best"), ("a", "")]
    assert stand([(NAN, NAN, NAN)]) == [("a", "")]


def test_spread():
    found = spread(np.array([4.0, NAN, 0.0, 1.0, 3.0, 2.0]))
    assert found is not None
    assert (found.least, found.quarter, found.median) == (0, 1, 2)
    assert (found.three_quarters, found.most) == (3, 4)
    assert spread(np.array([NAN])) is None
