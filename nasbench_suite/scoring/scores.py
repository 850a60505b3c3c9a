"""What the runs of one strategy on one benchmark come to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.core import Budget, Floats, Metric, Run
from nasbench_suite.scoring.anytime import log_time_area, regrets
from nasbench_suite.scoring.bootstrap import bootstrap_interval, interquartile_mean
from nasbench_suite.scoring.comparisons import relative_improvement
from nasbench_suite.scoring.curves import at, ends, failed, reported, trained
from nasbench_suite.scoring.intervals import mean_interval

NAN: Final = math.nan


class Steps(NamedTuple):
    """A run as a step curve of the reported metric, and what it cost."""

    ends: Floats
    """When each trial ended, (trials,), in simulated seconds or, without seconds, their cost."""
    values: Floats
    """What the search would have reported from then on, (trials,)."""
    unique: int
    """How many different trainings were asked for; the others were repetitions."""
    overhead: float
    """The real seconds that the strategy itself took; NaN where nobody noted them."""
    failed: bool = False
    """Whether the training that the last value is of failed; it is then the worst there is."""
    epochs: Floats = np.empty(0)
    """The epochs of training spent when each trial ended, (trials,); empty where trials have
    none."""

    def on(self, axis: str) -> Floats:
        """Return when each trial ended on an axis, `evaluations`, `epochs` or `seconds`."""
        if axis == "evaluations":
            return np.arange(1.0, len(self.values) + 1)
        return self.epochs if axis == "epochs" else self.ends

    def until(self, axis: str, budget: Budget) -> float:
        """Return where on an axis the run ended.

        One that simulated seconds or epochs ended stops short of the last of them by less than a
        trial, and holds until then what it has. One that made all its evaluations ended with its
        last trial, and so did each one that something else may have ended: see `held`.
        """
        if held(axis, budget) and len(self.values) != budget.evaluations:
            return float(getattr(budget, axis))
        return float(self.on(axis)[-1])


def held(axis: str, budget: Budget) -> bool:
    """Return whether a run that ends before all its evaluations holds its result on an axis.

    It does up to the axis' limit, where that alone can have ended it: of several limits in
    seconds, epochs and real seconds no log says which it was.
    """
    limits = ("seconds", "epochs", "real_seconds")
    return [name for name in limits if getattr(budget, name) is not None] == [axis]


@dataclass(frozen=True)
class Score:
    """What a strategy reached on a benchmark when its budget was spent.

    Intervals are of 95 %, and NaN with a single run.
    """

    benchmark: str
    strategy: str
    evaluations: float
    """The mean over runs, as are the three below."""
    unique: float
    """Different trainings; the rest of the evaluations were repetitions."""
    epochs: float
    """Of training, that trials spent; NaN where they have none."""
    simulated_seconds: float
    """Until the last trial ended; NaN where none were measured."""
    runs: int
    failed: int
    """Runs that named an architecture whose reported training failed: each counts as the worst
    value of the table."""
    metric: str
    mean: float
    std: float
    ci_low: float
    ci_high: float
    """Student's interval of the mean."""
    median: float
    median_low: float
    median_high: float
    iqm: float
    """The interquartile mean; its interval and the median's are bootstrapped."""
    iqm_low: float
    iqm_high: float
    regret: float
    """How far the mean falls short of the optimum; NaN where that is not known."""
    area: float
    """The mean regret over the logarithm of the budget's axis; see `log_time_area`."""
    relative_improvement: float
    """Of the mean over the average of the whole space, in percent; NaN where that is not known."""


def steps(run: Run, benchmark: Benchmark) -> Steps:
    """Return the step curve of a run."""
    asked = {(trial.arch, trial.epochs) for trial in run.trials}
    return Steps(
        ends(run),
        reported(run, benchmark),
        len(asked),
        run.overhead,
        failed(run, benchmark),
        trained(run, benchmark),
    )


def score(
    benchmark: str,
    strategy: str,
    metric: Metric,
    runs: Sequence[Steps],
    *,
    optimum: float,
    average: float,
    areas: Floats,
    timed: bool,
    rng: np.random.Generator,
) -> Score:
    """Return the score of a strategy's runs.

    Args:
        benchmark: its id.
        strategy: its name.
        metric: what is reported.
        runs: at least one.
        optimum: the best of the space, or NaN.
        average: what a random architecture is expected to have, or NaN.
        areas: of each run, from `areas`.
        timed: whether costs are simulated seconds.
        rng: draws the resamples of the bootstrap.
    """
    finals = np.array([run.values[-1] for run in runs])
    mean, std, low, high = mean_interval(finals)
    medians = bootstrap_interval(finals, np.median, rng)
    middles = bootstrap_interval(finals, interquartile_mean, rng)
    sign = -1.0 if metric.direction == "min" else 1.0
    return Score(
        benchmark=benchmark,
        strategy=strategy,
        evaluations=_mean([len(run.values) for run in runs]),
        unique=_mean([run.unique for run in runs]),
        epochs=_mean([float(run.epochs[-1]) if len(run.epochs) else NAN for run in runs]),
        simulated_seconds=_mean([float(run.ends[-1]) for run in runs]) if timed else NAN,
        runs=len(runs),
        failed=sum(run.failed for run in runs),
        metric=metric.name,
        mean=float(mean),
        std=float(std),
        ci_low=float(low),
        ci_high=float(high),
        median=float(np.median(finals)),
        median_low=float(medians[0]),
        median_high=float(medians[1]),
        iqm=float(interquartile_mean(finals)),
        iqm_low=float(middles[0]),
        iqm_high=float(middles[1]),
        regret=sign * (optimum - float(mean)),
        area=float(areas.mean()),
        relative_improvement=relative_improvement(sign * float(mean), sign * average)
        if average
        else NAN,
    )


def horizon(runs: Sequence[Steps], axis: str, budget: Budget) -> tuple[float, float]:
    """Return from where to where on an axis every one of these runs has a value.

    It begins with the last of the first values, and ends where the first of the runs ends: see
    `Steps.until`. Where the runs have no value in common, both are NaN.
    """
    firsts, lasts = [], []
    for run in runs:
        known = np.flatnonzero(~np.isnan(run.values))
        when = run.on(axis)
        firsts.append(float(when[known[0]]) if len(known) else NAN)
        lasts.append(run.until(axis, budget))
    start, end = max(firsts, key=lambda first: (math.isnan(first), first)), min(lasts)
    return (start, end) if start <= end else (NAN, NAN)


def areas(
    runs: Sequence[Steps], axis: str, span: tuple[float, float], metric: Metric, optimum: float
) -> Floats:
    """Return each run's mean regret over the logarithm of an axis, (runs,).

    It is NaN where the optimum is not known, the metric has no better, or the runs have no value
    in common.
    """
    start, end = span
    if math.isnan(start) or math.isnan(optimum) or metric.direction == "none" or start <= 0:
        return np.full(len(runs), NAN)
    return np.array(
        [
            log_time_area(
                run.on(axis),
                regrets(run.values, optimum, metric.direction),
                start=start,
                end=end,
            )
            for run in runs
        ]
    )


def values_at(runs: Sequence[Steps], axis: str, grid: Floats) -> Floats:
    """Return what each run would have reported at points of an axis, (runs, points)."""
    return np.stack([at(grid, run.on(axis), run.values) for run in runs])


def _mean(counts: Sequence[float]) -> float:
    """Return a mean, whole if it is."""
    mean = float(np.mean(counts))
    return int(mean) if mean.is_integer() else mean
