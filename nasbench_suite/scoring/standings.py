"""Who stands where on a benchmark, and over all, and what it cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nasbench_suite.core import Floats
from nasbench_suite.scoring.overall import Overall
from nasbench_suite.scoring.scores import Score
from nasbench_suite.scoring.summary import Summary


@dataclass(frozen=True)
class Standing:
    """Where a strategy stands among those of a benchmark."""

    score: Score
    place: Literal["best", "tied", ""]
    """Tied: its interval overlaps that of the best, or its mean is the same."""


@dataclass(frozen=True)
class Spread:
    """How the final results of a strategy's runs are spread."""

    least: float
    quarter: float
    median: float
    three_quarters: float
    most: float


@dataclass(frozen=True)
class Cost:
    """What a run of a strategy took on a benchmark, on average; NaN where nobody knows."""

    benchmark: str
    strategy: str
    evaluations: float
    unique: float
    repeated: float
    """Evaluations that asked again what had been answered."""
    epochs: float
    """Of training."""
    simulated_seconds: float
    overhead: float
    """The real seconds of the strategy itself."""
    overhead_per_evaluation: float
    spent: float
    """Simulated seconds and the strategy's own together: how long it would have taken."""


def standings(summary: Summary, benchmark: str) -> tuple[Standing, ...]:
    """Return how the strategies of a benchmark stand, the best mean first, unmeasured ones last.

    Overlapping intervals are a cautious rule for a tie, not a test: intervals that overlap a
    little can belong to means that a test would separate.
    """
    sign = -1.0 if summary.reported[benchmark].direction == "min" else 1.0
    ordered = sorted(
        summary.of(benchmark),
        key=lambda score: math.inf if math.isnan(score.mean) else -sign * score.mean,
    )
    best = ordered[0]

    def place(score: Score) -> Literal["best", "tied", ""]:
        if score is best and not math.isnan(best.mean):
            return "best"
        theirs = (best.mean, best.ci_low, best.ci_high)
        return "tied" if tied((score.mean, score.ci_low, score.ci_high), theirs) else ""

    return tuple(Standing(score, place(score)) for score in ordered)


def tied(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    """Return whether two results, each its mean and the ends of its interval, are not told apart.

    Their intervals overlap, or their means are the same.
    """
    # Comparisons with NaN are false, so a single run ties with nothing but an equal mean.
    return one[0] == other[0] or (one[1] <= other[2] and one[2] >= other[1])


def spread(values: Floats) -> Spread | None:
    """Return the quartiles and extremes of the runs that have a value; None if none has.

    Quartiles between two runs are interpolated linearly.
    """
    measured = values[~np.isnan(values)]
    if not len(measured):
        return None
    return Spread(*np.quantile(measured, (0.0, 0.25, 0.5, 0.75, 1.0)).tolist())


def ahead(summary: Summary, benchmark: str) -> tuple[frozenset[str], ...]:
    """Return which strategies have the best mean at each checkpoint of a benchmark."""
    sign = -1.0 if summary.reported[benchmark].direction == "min" else 1.0
    found = []
    reached = [
        [(sign * point.mean, strategy) for point in summary.checkpoints[benchmark, strategy]]
        for strategy in summary.experiment.strategies
    ]
    for column in zip(*reached, strict=True):
        best = max((mean for mean, _ in column if not math.isnan(mean)), default=math.nan)
        found.append(frozenset(strategy for mean, strategy in column if mean == best))
    return tuple(found)


def ranked(overall: Overall) -> tuple[int, ...]:
    """Return the places of strategies, the best average rank first; equals as they were asked."""
    ranks = [aggregate.rank for aggregate in overall.aggregates]
    return tuple(sorted(range(len(ranks)), key=ranks.__getitem__))


def costs(summary: Summary, benchmark: str) -> tuple[Cost, ...]:
    """Return what the strategies took on a benchmark, in the order of the experiment."""
    found = []
    for score in summary.of(benchmark):
        overhead = summary.overhead[benchmark, score.strategy]
        found.append(
            Cost(
                benchmark=benchmark,
                strategy=score.strategy,
                evaluations=score.evaluations,
                unique=score.unique,
                repeated=score.evaluations - score.unique,
                epochs=score.epochs,
                simulated_seconds=score.simulated_seconds,
                overhead=overhead,
                overhead_per_evaluation=overhead / score.evaluations,
                spent=score.simulated_seconds + overhead,
            )
        )
    return tuple(found)
