"""An experiment's scores: one row a strategy and benchmark, and its anytime curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasbench_suite.core import Floats, Ints, Metric
from nasbench_suite.experiments.compare import Experiment
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


def summarise(experiment: Experiment) -> Summary:
    """Read an experiment's runs and score them.

    Raises:
        DataNotFound, DamagedInput: a run is missing or damaged.
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
        steps: dict[str, list[tuple[Floats, Floats]]] = {}
        for strategy in experiment.strategies:
            steps[strategy] = [
                (ends(run), reported(run, benchmark)) for run in experiment.runs(name, strategy)
            ]
            last = np.array(
                [values[-1] if len(values) else np.nan for _, values in steps[strategy]]
            )
            counts = np.array([len(values) for _, values in steps[strategy]])
            mean, std, low, high = mean_interval(last)
            finals[name, strategy] = last
            scores.append(
                Score(
                    benchmark=name,
                    strategy=strategy,
                    evaluations=_mean_count(counts),
                    runs=len(last),
                    metric=protocol.report.metric,
                    mean=float(mean),
                    std=float(std),
                    ci_low=float(low),
                    ci_high=float(high),
                )
            )
        for strategy, found in steps.items():
            by_evaluations[name, strategy] = _by_evaluations(found)
        if protocol.cost is not None:
            horizon = experiment.budget.seconds or min(
                float(end[-1]) for found in steps.values() for end, _ in found if len(end)
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


def _mean_count(counts: Ints) -> float:
    """Return the mean number of evaluations, whole if it is."""
    mean = float(counts.mean())
    return int(mean) if mean.is_integer() else mean


def _by_evaluations(found: list[tuple[Floats, Floats]]) -> Curve:
    """Return the curve up to the number of evaluations that every run reached."""
    shortest = min(len(values) for _, values in found)
    grid = np.arange(1.0, shortest + 1)
    return band(grid, [(np.arange(1.0, len(values) + 1), values) for _, values in found])
