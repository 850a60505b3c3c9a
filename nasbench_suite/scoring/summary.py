"""An experiment's scores: one row a strategy and benchmark, and its anytime curves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nasbench_suite.core import Floats, Ints, Metric
from nasbench_suite.experiments.experiment import Experiment
from nasbench_suite.scoring.curves import Curve, band, ends, reported
from nasbench_suite.scoring.intervals import mean_interval

POINTS = 200
"""How many points of simulated time a curve has."""


@dataclass(frozen=True)
class Score:
    """What a strategy reached on a benchmark when its budget was spent."""

    benchmark: str
    strategy: str
    evaluations: float
    """The mean over runs; the same for all where the budget is in evaluations."""
    runs: int
    metric: str
    mean: float
    std: float
    ci_low: float
    ci_high: float
    """The 95 % interval of the mean; NaN with a single run."""


@dataclass(frozen=True)
class Summary:
    """The scores of an experiment and the curves that lead to them."""

    experiment: Experiment
    scores: tuple[Score, ...]
    """In the order of the experiment's benchmarks and strategies."""
    finals: dict[tuple[str, str], Floats]
    """What each run reported in the end, (runs,), by benchmark and strategy."""
    by_evaluations: dict[tuple[str, str], Curve]
    by_seconds: dict[tuple[str, str], Curve]
    """Empty for a benchmark whose trials have no measured seconds."""
    reported: dict[str, Metric]
    """The metric that each benchmark reports."""
    optimum: dict[str, float]
    """The best value of that metric in the whole table, where the space is covered."""


@dataclass(frozen=True)
class Standing:
    """Where a strategy stands among those of a benchmark."""

    score: Score
    regret: float
    """How far its mean falls short of the optimum of the table; NaN where that is unknown."""
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
    scores = sorted(
        (score for score in summary.scores if score.benchmark == benchmark),
        key=lambda score: math.inf if math.isnan(score.mean) else -sign * score.mean,
    )
    best = scores[0]
    optimum = summary.optimum.get(benchmark, math.nan)

    def place(score: Score) -> Literal["best", "tied", ""]:
        if score is best and not math.isnan(best.mean):
            return "best"
        # Comparisons with NaN are false, so a single run ties with nothing but an equal mean.
        overlap = score.ci_low <= best.ci_high and score.ci_high >= best.ci_low
        return "tied" if overlap or score.mean == best.mean else ""

    return tuple(Standing(score, sign * (optimum - score.mean), place(score)) for score in scores)


def spread(values: Floats) -> Spread | None:
    """Return the quartiles and extremes of the runs that have a value; None if none has.

    Quartiles between two runs are interpolated linearly.
    """
    measured = values[~np.isnan(values)]
    if not len(measured):
        return None
    return Spread(*np.quantile(measured, (0.0, 0.25, 0.5, 0.75, 1.0)).tolist())


def summarise(experiment: Experiment) -> Summary:
    """Read an experiment's runs and score them.

    Raises:
        DataNotFound, DamagedInput: a run is missing or damaged.
        DamagedTable: a benchmark is not of the data that the experiment ran on.
    """
    scores, finals = [], {}
    by_evaluations, by_seconds = {}, {}
    metrics, optimum = {}, {}
    for name, benchmark in experiment.loaded.items():
        protocol = benchmark.protocol(experiment.protocol)
        metrics[name] = benchmark.metrics[protocol.report.metric]
        best = benchmark.best(protocol.report)
        if best is not None:
            optimum[name] = best
        steps = {
            strategy: [
                (ends(run), reported(run, benchmark)) for run in experiment.runs(name, strategy)
            ]
            for strategy in experiment.strategies
        }
        for strategy, found in steps.items():
            finals[name, strategy] = np.array([values[-1] for _, values in found])
            scores.append(_score(name, strategy, metrics[name].name, found))
            by_evaluations[name, strategy] = _by_evaluations(found)
        if protocol.cost is not None:
            horizon = experiment.budget.seconds or min(
                float(end[-1]) for found in steps.values() for end, _ in found
            )
            grid = np.linspace(0.0, horizon, POINTS + 1)[1:]
            for strategy, found in steps.items():
                by_seconds[name, strategy] = band(grid, found)
    return Summary(
        experiment=experiment,
        scores=tuple(scores),
        finals=finals,
        by_evaluations=by_evaluations,
        by_seconds=by_seconds,
        reported=metrics,
        optimum=optimum,
    )


def _score(benchmark: str, strategy: str, metric: str, found: list[tuple[Floats, Floats]]) -> Score:
    """Return the score of runs, each given as (ends, values)."""
    mean, std, low, high = mean_interval(np.array([values[-1] for _, values in found]))
    return Score(
        benchmark=benchmark,
        strategy=strategy,
        evaluations=_mean_count(np.array([len(values) for _, values in found])),
        runs=len(found),
        metric=metric,
        mean=float(mean),
        std=float(std),
        ci_low=float(low),
        ci_high=float(high),
    )


def _mean_count(counts: Ints) -> float:
    """Return the mean number of evaluations, whole if it is."""
    mean = float(counts.mean())
    return int(mean) if mean.is_integer() else mean


def _by_evaluations(found: list[tuple[Floats, Floats]]) -> Curve:
    """Return the curve up to the number of evaluations that every run reached."""
    shortest = min(len(values) for _, values in found)
    grid = np.arange(1.0, shortest + 1)
    return band(grid, [(np.arange(1.0, len(values) + 1), values) for _, values in found])
