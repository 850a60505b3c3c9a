"""Who stands where on a benchmark."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nasbench_suite.core import Floats
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
        # Comparisons with NaN are false, so a single run ties with nothing but an equal mean.
        overlap = score.ci_low <= best.ci_high and score.ci_high >= best.ci_low
        return "tied" if overlap or score.mean == best.mean else ""

    return tuple(Standing(score, place(score)) for score in ordered)


def spread(values: Floats) -> Spread | None:
    """Return the quartiles and extremes of the runs that have a value; None if none has.

    Quartiles between two runs are interpolated linearly.
    """
    measured = values[~np.isnan(values)]
    if not len(measured):
        return None
    return Spread(*np.quantile(measured, (0.0, 0.25, 0.5, 0.75, 1.0)).tolist())
