"""An experiment's scores: one row a strategy and benchmark, its curves, and all tasks together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.core import Budget, Floats, Metric
from nasbench_suite.experiments.experiment import Experiment
from nasbench_suite.scoring.anytime import checkpoints
from nasbench_suite.scoring.comparisons import (
    detectable_difference,
    improvement_interval,
    probability_of_improvement,
)
from nasbench_suite.scoring.curves import Curve, band
from nasbench_suite.scoring.intervals import mean_interval
from nasbench_suite.scoring.overall import Overall, overall
from nasbench_suite.scoring.ranks import expected_ranks
from nasbench_suite.scoring.scores import (
    NAN,
    Score,
    Steps,
    areas,
    horizon,
    score,
    steps,
    values_at,
)

Axis: TypeAlias = Literal["evaluations", "epochs", "seconds"]

Made: TypeAlias = dict[str, list[Steps]]
"""The runs on a benchmark, by strategy."""

POINTS: Final = 200
"""How many points a curve over simulated time, epochs or a share of the budget has."""
CHANCE: Final = "random_search"
"""The strategy that all others are expected to beat."""


@dataclass(frozen=True)
class Checkpoint:
    """What a strategy had reached when a part of the budget was spent."""

    budget: float
    """On the budget's axis."""
    mean: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Odds:
    """How likely a run is better than one of random search."""

    probability: float
    ci_low: float
    ci_high: float


@dataclass(frozen=True)
class Ranks:
    """The rank that each strategy can expect, as the budget is spent."""

    share: Floats
    """The share of the last checkpoint's budget, (points,), above 0 and up to 1."""
    expected: dict[str, Floats]
    """By strategy, (points,), averaged over benchmarks; 1 is the best."""


@dataclass(frozen=True)
class Summary:
    """The scores of an experiment and the curves that lead to them."""

    experiment: Experiment
    axis: Axis
    """Along which budgets are compared: seconds if the budget has simulated seconds, else epochs if
    it has epochs, unless every run made all its evaluations before they were over; evaluations
    otherwise."""
    scores: tuple[Score, ...]
    """In the order of the experiment's benchmarks and strategies."""
    finals: dict[tuple[str, str], Floats]
    """What each run reported in the end, (runs,), by benchmark and strategy."""
    by_evaluations: dict[tuple[str, str], Curve]
    by_seconds: dict[tuple[str, str], Curve]
    """Up to where the first run ended, one that the simulated seconds ended being taken to the
    last of them; empty for a benchmark whose trials have no measured seconds."""
    by_epochs: dict[tuple[str, str], Curve]
    """Over epochs of training, likewise; empty unless the budget has epochs."""
    checkpoints: dict[tuple[str, str], tuple[Checkpoint, ...]]
    """By benchmark and strategy; the budgets are the same for all strategies, and the last is
    where the first run on the benchmark ended."""
    odds: dict[tuple[str, str], Odds]
    """Against random search, by benchmark and strategy; empty if it was not compared."""
    ranks: Ranks
    overall: Overall
    """All benchmarks together."""
    overhead: dict[tuple[str, str], float]
    """The real seconds that a strategy itself took in a run, on average, by benchmark and strategy;
    NaN where nobody noted them. They are apart from the scores, which are the same each time."""
    detectable: dict[str, float]
    """The smallest difference of two means that so many runs can be expected to show, by
    benchmark, in the unit of the metric; NaN with a single run."""
    reported: dict[str, Metric]
    """The metric that each benchmark reports."""
    optimum: dict[str, float]
    """The best value of that metric in the whole table, where the space is covered."""
    average: dict[str, float]
    """What a random architecture is expected to have of it, where the space is covered."""

    @property
    def whole(self) -> bool:
        """Whether runs are compared up to the whole budget, and none ended before on the axis."""
        most = getattr(self.experiment.budget, self.axis)
        return all(points[-1].budget == most for points in self.checkpoints.values() if points)

    @property
    def along(self) -> dict[tuple[str, str], Curve]:
        """The curves along the axis on which budgets are compared, by benchmark and strategy."""
        return {
            "evaluations": self.by_evaluations,
            "epochs": self.by_epochs,
            "seconds": self.by_seconds,
        }[self.axis]

    def of(self, benchmark: str) -> tuple[Score, ...]:
        """Return the scores of a benchmark, in the order of the strategies."""
        return tuple(score for score in self.scores if score.benchmark == benchmark)


def summarise(experiment: Experiment, rng: np.random.Generator | None = None) -> Summary:
    """Read an experiment's runs and score them.

    Budgets are compared along one axis, up to where the first run on a benchmark ended: beyond
    that, runs that went on would be compared with runs that could not. For a budget of evaluations,
    of epochs or of simulated seconds that is the whole budget. With several, the axis is seconds
    before epochs before evaluations, unless every run made all its evaluations, and a run that did
    so ended with the last of them. Where real seconds are part of the budget, or both seconds and
    epochs, every other run ended with its last trial too.

    Args:
        experiment: whose runs have all been made.
        rng: draws the resamples of bootstrapped intervals; left out, it is the generator seeded
            with 0, so that the same runs give the same scores.

    Raises:
        DataNotFound, DamagedInput: a run is missing or damaged.
        DamagedTable: a benchmark is not of the data that the experiment ran on.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    strategies = list(experiment.strategies)
    made = {
        name: {
            strategy: [steps(run, benchmark) for run in experiment.runs(name, strategy)]
            for strategy in strategies
        }
        for name, benchmark in experiment.loaded.items()
    }
    axis = _axis(experiment.budget, made)
    tasks = {
        name: _task(experiment, benchmark, made[name], axis, rng)
        for name, benchmark in experiment.loaded.items()
    }

    def each(what: str) -> dict[tuple[str, str], Any]:
        """Return something of each strategy, by benchmark and strategy."""
        return {(n, s): v for n, task in tasks.items() for s, v in getattr(task, what).items()}

    return Summary(
        experiment=experiment,
        axis=axis,
        scores=tuple(found for task in tasks.values() for found in task.scores),
        finals=each("finals"),
        by_evaluations=each("by_evaluations"),
        by_seconds=each("by_seconds"),
        by_epochs=each("by_epochs"),
        checkpoints=each("checkpoints"),
        odds=each("odds"),
        overhead=each("overhead"),
        ranks=Ranks(
            _shares(),
            {s: np.mean([t.ranks[s] for t in tasks.values()], axis=0) for s in strategies},
        ),
        overall=overall(
            strategies,
            [[task.sign * task.finals[s] for s in strategies] for task in tasks.values()],
            [(task.sign * task.average, task.sign * task.optimum) for task in tasks.values()],
            rng=rng,
        ),
        detectable={name: task.detectable for name, task in tasks.items()},
        reported={name: task.metric for name, task in tasks.items()},
        optimum={n: task.optimum for n, task in tasks.items() if not math.isnan(task.optimum)},
        average={n: task.average for n, task in tasks.items() if not math.isnan(task.average)},
    )


class _Task(NamedTuple):
    """What a benchmark contributes to a summary; each mapping is by strategy."""

    metric: Metric
    sign: float
    """Times which more of the metric is better."""
    optimum: float
    average: float
    detectable: float
    scores: tuple[Score, ...]
    finals: dict[str, Floats]
    by_evaluations: dict[str, Curve]
    by_seconds: dict[str, Curve]
    by_epochs: dict[str, Curve]
    checkpoints: dict[str, tuple[Checkpoint, ...]]
    odds: dict[str, Odds]
    overhead: dict[str, float]
    ranks: dict[str, Floats]


def _task(
    experiment: Experiment,
    benchmark: Benchmark,
    made: Made,
    axis: Axis,
    rng: np.random.Generator,
) -> _Task:
    name, budget = benchmark.benchmark, experiment.budget
    protocol = benchmark.protocol(experiment.protocol)
    metric = benchmark.metrics[protocol.report.metric]
    sign = -1.0 if metric.direction == "min" else 1.0
    best, average = benchmark.best(protocol.report), benchmark.average(protocol.report)
    optimum = NAN if best is None else best
    finals = {s: np.array([run.values[-1] for run in runs]) for s, runs in made.items()}
    start, end = horizon([run for runs in made.values() for run in runs], axis, budget)
    return _Task(
        metric=metric,
        sign=sign,
        optimum=optimum,
        average=NAN if average is None else average,
        detectable=_detectable(finals),
        scores=tuple(
            score(
                name,
                strategy,
                metric,
                runs,
                optimum=optimum,
                average=NAN if average is None else average,
                areas=areas(runs, axis, (start, end), metric, optimum),
                timed=protocol.cost is not None,
                rng=rng,
            )
            for strategy, runs in made.items()
        ),
        finals=finals,
        by_evaluations={s: _by_evaluations(runs) for s, runs in made.items()},
        by_seconds=_over("seconds", made, budget) if protocol.cost else {},
        by_epochs={} if budget.epochs is None else _over("epochs", made, budget),
        checkpoints={s: _checkpoints(runs, axis, end) for s, runs in made.items()},
        overhead={s: float(np.mean([run.overhead for run in runs])) for s, runs in made.items()},
        odds=_odds({s: sign * values for s, values in finals.items()}),
        ranks=_ranks(made, sign, axis, end),
    )


def _axis(budget: Budget, made: dict[str, Made]) -> Axis:
    """Return along which axis budgets are compared: see `Summary.axis`."""
    counts = {len(run.values) for task in made.values() for runs in task.values() for run in runs}
    if counts == {budget.evaluations}:
        return "evaluations"
    if budget.seconds is not None:
        return "seconds"
    return "evaluations" if budget.epochs is None else "epochs"


def _detectable(finals: dict[str, Floats]) -> float:
    runs = min(len(values) for values in finals.values())
    if runs < 2:
        return NAN
    pooled = float(np.sqrt(np.mean([values.var(ddof=1) for values in finals.values()])))
    return detectable_difference(pooled, runs)


def _odds(finals: dict[str, Floats]) -> dict[str, Odds]:
    """Return how likely each beats random search, if that was compared; more is better here."""
    if CHANCE not in finals:
        return {}
    chance = finals[CHANCE]
    return {
        strategy: Odds(
            probability_of_improvement(values, chance), *improvement_interval(values, chance)
        )
        for strategy, values in finals.items()
    }


def _ranks(made: dict[str, list[Steps]], sign: float, axis: str, end: float) -> dict[str, Floats]:
    """Return the rank that each can expect along the axis; equal as long as none has a value."""
    grid = _shares() * (1.0 if math.isnan(end) else end)
    values = np.stack([sign * values_at(runs, axis, grid) for runs in made.values()])
    return dict(zip(made, expected_ranks(values), strict=True))


def _shares() -> Floats:
    return np.linspace(0.0, 1.0, POINTS + 1)[1:]


def _checkpoints(runs: list[Steps], axis: str, end: float) -> tuple[Checkpoint, ...]:
    if math.isnan(end):
        return ()
    budgets = checkpoints(end, whole=axis != "seconds")
    mean, _, low, high = mean_interval(values_at(runs, axis, budgets))
    return tuple(
        Checkpoint(*numbers)
        for numbers in zip(
            budgets.tolist(), mean.tolist(), low.tolist(), high.tolist(), strict=True
        )
    )


def _by_evaluations(runs: list[Steps]) -> Curve:
    """Return the curve up to the number of evaluations that every run reached."""
    grid = np.arange(1.0, min(len(run.values) for run in runs) + 1)
    return band(grid, [(run.on("evaluations"), run.values) for run in runs])


def _over(axis: Axis, made: Made, budget: Budget) -> dict[str, Curve]:
    """Return the curves on an even grid over seconds or epochs, up to where the first run ended."""
    last = min(run.until(axis, budget) for runs in made.values() for run in runs)
    grid = np.linspace(0.0, last, POINTS + 1)[1:]
    return {
        strategy: band(grid, [(run.on(axis), run.values) for run in runs])
        for strategy, runs in made.items()
    }
