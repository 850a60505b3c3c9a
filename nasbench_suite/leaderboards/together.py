"""All benchmarks of a track together at a checkpoint: ranks, ties, and who beats whom."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

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
    ranks,
)
from nasbench_suite.scoring.standings import tied


class Field(NamedTuple):
    """What the runs of all entries reached on a benchmark, more being better."""

    values: Floats
    """(checkpoints, seeds, entries), or (seeds, entries) at one of them; NaN where a run had
    nothing to report."""
    average: float
    optimum: float
    """What a random architecture is expected to have, and the best there is; NaN if unknown."""

    def at(self, place: int) -> Field:
        """Return the field at a checkpoint."""
        return self._replace(values=self.values[place])


@dataclass(frozen=True)
class Ranked:
    """An entry over all benchmarks, at a checkpoint."""

    entry: str
    rank: float
    """The average over benchmarks of the rank of its mean; 1 is the best, equals share."""
    low: float
    high: float
    """The bootstrapped interval of 95 %, seeds drawn within benchmarks; NaN with a single seed."""
    place: Literal["best", "tied", ""]
    """Tied: the interval of its rank overlaps that of the best."""
    gap: float
    """The interquartile mean, over the runs on all benchmarks, of the share of the way from the
    average architecture to the best one; NaN where these are not known of every benchmark."""
    gap_low: float
    gap_high: float
    """Its bootstrapped interval of 95 %."""


@dataclass(frozen=True)
class Together:
    """All entries over all benchmarks, at a checkpoint."""

    share: float
    """Of each benchmark's budget."""
    ranked: tuple[Ranked, ...]
    """In the order of the entries."""
    difference: float
    """From which on two average ranks are told apart (Nemenyi, 5 %); NaN with a single entry."""
    alike: tuple[tuple[str, ...], ...]
    """Groups of entries that it does not tell apart, each from the best rank to the worst."""
    test: Friedman
    """Whether entries differ at all; NaN with fewer than three or a single benchmark."""
    wins: Floats
    """How likely a run of the row's entry is better than one of the column's, (entries, entries),
    averaged over benchmarks."""


def together(entries: Sequence[str], fields: Sequence[Field], share: float) -> Together:
    """Return what all benchmarks say together at a checkpoint.

    Args:
        entries: their names, at least one.
        fields: of each benchmark, at this checkpoint, all with as many seeds.
        share: of the budgets, that the checkpoint is at.
    """
    means = np.stack([field.values.mean(axis=0) for field in fields])
    average = average_ranks(means)
    lows, highs = _rank_intervals([field.values for field in fields])
    lead = int(np.argmin(average))
    best = (float(average[lead]), float(lows[lead]), float(highs[lead]))
    found = []
    for at, entry in enumerate(entries):
        own = (float(average[at]), float(lows[at]), float(highs[at]))
        place: Literal["best", "tied", ""] = "tied" if tied(own, best) else ""
        found.append(Ranked(entry, *own, "best" if own[0] == best[0] else place, *_gap(fields, at)))
    several = len(entries) > 1
    difference = critical_difference(len(entries), len(fields)) if several else math.nan
    alike = groups(average, difference) if several else ()
    return Together(
        share=share,
        ranked=tuple(found),
        difference=difference,
        alike=tuple(tuple(entries[at] for at in group) for group in alike),
        test=friedman(means),
        wins=win_rates([list(field.values.T) for field in fields]),
    )


def _rank_intervals(values: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Return the ends of the interval of each entry's average rank, (entries,) each."""
    tasks, (seeds, entries) = len(values), values[0].shape

    def statistic(drawn: Floats, _: int) -> Floats:
        means = drawn.reshape(len(drawn), tasks, seeds, entries).mean(axis=2)
        return np.asarray(ranks(means).mean(axis=1))

    return stratified_interval(values, statistic, np.random.default_rng(0))


def _gap(fields: Sequence[Field], at: int) -> tuple[float, float, float]:
    """Return how much of the gap an entry closed, and the ends of the interval."""
    own = [gap_closed(field.values[:, at], field.average, field.optimum) for field in fields]
    low, high = stratified_interval(own, interquartile_mean, np.random.default_rng(0))
    return float(interquartile_mean(np.concatenate(own))), float(low), float(high)
