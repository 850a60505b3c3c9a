"""Who is best, who is tied, how far from the optimum, and how runs are spread."""

import math
from types import SimpleNamespace

import numpy as np

from nasbench_suite.core import Metric
from nasbench_suite.scoring.overall import Aggregate
from nasbench_suite.scoring.standings import ahead, costs, ranked, spread, standings

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


def reached(rows, direction="max"):
    """Who is ahead at each checkpoint, of strategies a, b, c, ... with these means."""
    points = {
        ("x/y", name): tuple(SimpleNamespace(mean=mean) for mean in means)
        for name, means in zip("abcdef", rows, strict=False)
    }
    summary = SimpleNamespace(
        checkpoints=points,
        reported={"x/y": Metric("m", "%", direction, "test", "")},
        experiment=SimpleNamespace(strategies=[name for _, name in points]),
    )
    return [set(names) for names in ahead(summary, "x/y")]


def test_ahead_at_each_checkpoint():
    rows = [(NAN, 91.0, 92.0), (NAN, 90.0, 92.0), (NAN, NAN, 91.0)]
    assert reached(rows) == [set(), {"a"}, {"a", "b"}]
    assert reached(rows, "min") == [set(), {"b"}, {"c"}]
    assert reached([(), ()]) == []


def test_ranked():
    aggregates = [
        Aggregate(name, rank, NAN, NAN, NAN)
        for name, rank in zip("abcd", (3, 1, 4, 1), strict=True)
    ]
    assert ranked(SimpleNamespace(aggregates=aggregates)) == (1, 3, 0, 2)


def test_costs():
    scores = [
        SimpleNamespace(
            strategy="a", evaluations=40, unique=30, epochs=480, simulated_seconds=1000.0
        ),
        SimpleNamespace(strategy="b", evaluations=40, unique=40, epochs=NAN, simulated_seconds=NAN),
    ]
    summary = SimpleNamespace(
        of=lambda benchmark: scores, overhead={("x/y", "a"): 2.0, ("x/y", "b"): NAN}
    )
    known, unknown = costs(summary, "x/y")
    assert (known.benchmark, known.strategy) == ("x/y", "a")
    assert (known.evaluations, known.unique, known.repeated, known.epochs) == (40, 30, 10, 480)
    assert (known.overhead, known.overhead_per_evaluation, known.spent) == (2.0, 0.05, 1002.0)
    assert math.isnan(unknown.overhead_per_evaluation)
    assert math.isnan(unknown.spent)
