"""All benchmarks of an experiment together: ranks, tests, and who beats whom."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasbench_suite.core import Floats
from nasbench_suite.scoring.bootstrap import interquartile_mean, stratified_interval
from nasbench_suite.scoring.comparisons import gap_closed, win_rates
from nasbench_suite.scoring.ranks import (
    Friedman,
    average_ranks,
    critical_difference,
    friedman,
    groups,
    nemenyi,
)


@dataclass(frozen=True)
class Aggregate:
    """A strategy over all benchmarks."""

    strategy: str
    rank: float
    """The average over benchmarks of the rank of its mean; 1 is the best."""
    gap: float
    """The interquartile mean, over the runs on all benchmarks, of the share of the way from the
    average architecture to the best one; NaN where these are not known of every benchmark."""
    gap_low: float
    gap_high: float
    """The bootstrapped interval of 95 %, runs drawn within benchmarks; NaN with a single run."""


@dataclass(frozen=True)
class Overall:
    """What all benchmarks say together."""

    aggregates: tuple[Aggregate, ...]
    """In the order of the strategies."""
    wins: Floats
    """How likely a run of the row's strategy is better than one of the column's, (strategies,
    strategies), averaged over benchmarks."""
    test: Friedman
    """Whether strategies differ at all; NaN with fewer than three or a single benchmark."""
    difference: float
    """From which on two average ranks are told apart (Nemenyi, 5 %)."""
    alike: tuple[tuple[int, ...], ...]
    """Groups of strategies that are not told apart, as places in `aggregates`."""
    pairs: Floats
    """The p of Nemenyi's test for each pair, (strategies, strategies)."""


def overall(
    strategies: Sequence[str],
    finals: Sequence[Sequence[Floats]],
    scales: Sequence[tuple[float, float]],
    *,
    rng: np.random.Generator,
) -> Overall:
    """Return what all benchmarks say together.

    Args:
        strategies: their names.
        finals: for each benchmark and strategy what its runs reached, (runs,), more being better.
        scales: for each benchmark its average and its optimum, more being better; NaN where they
            are not known.
        rng: draws the resamples of the bootstrap.
    """
    means = np.array([[values.mean() for values in task] for task in finals])
    ranks = average_ranks(means)
    found = []
    for place, strategy in enumerate(strategies):
        own = [
            gap_closed(task[place], average, optimum)
            for task, (average, optimum) in zip(finals, scales, strict=True)
        ]
        low, high = stratified_interval(own, interquartile_mean, rng)
        middle = float(interquartile_mean(np.concatenate(own)))
        found.append(Aggregate(strategy, float(ranks[place]), middle, float(low), float(high)))
    several = len(strategies) > 1
    difference = critical_difference(len(strategies), len(finals)) if several else math.nan
    return Overall(
        aggregates=tuple(found),
        wins=win_rates(finals),
        test=friedman(means),
        difference=difference,
        alike=groups(ranks, difference) if several else (),
        pairs=nemenyi(means) if several else np.ones((1, 1)),
    )
