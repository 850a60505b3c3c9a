"""What a search would have reported, had it been stopped after each trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasbench_suite.benchmarks import Benchmark
from nasbench_suite.core import Arch, Floats, Ints, NotMeasured, Question, Run
from nasbench_suite.experiments import clock
from nasbench_suite.experiments.epochs import Epochs
from nasbench_suite.scoring.intervals import mean_interval


def incumbents(run: Run) -> Ints:
    """Return, after each trial, the place of the trial whose architecture a search would name.

    That is the best objective among the trials of the longest training seen so far, the earlier
    of equals; -1 as long as every trial has failed. Places count the trials in the order in which
    they ended.

    Returns:
        An array (trials,).
    """
    chosen = np.full(len(run.trials), -1, dtype=np.int64)
    best, key = -1, (-1, -np.inf)
    for place, trial in enumerate(run.trials):
        if trial.status == "ok" and (trial.epochs or 0, trial.score) > key:
            best, key = place, (trial.epochs or 0, trial.score)
        chosen[place] = best
    return chosen


def reported(run: Run, benchmark: Benchmark) -> Floats:
    """Return the protocol's reported metric of the incumbent after each trial.

    It is looked up here, after the search, which never saw it. Of an incumbent whose reported
    training failed it is the worst value there is: a search that would name it has nothing better.

    Returns:
        An array (trials,); NaN where there is no incumbent or nobody knows the worst value.
    """
    question = benchmark.protocol(run.protocol).report
    numbers = incumbents(run)
    values = np.full(len(numbers), np.nan)
    for number in np.unique(numbers[numbers >= 0]).tolist():
        value = _looked_up(run.trials[number].arch, benchmark, question)
        if value is None:
            value = benchmark.worst(question)
        if value is not None:
            values[numbers == number] = value
    return values


def failed(run: Run, benchmark: Benchmark) -> bool:
    """Return whether the reported training of what a search would name in the end failed."""
    numbers = incumbents(run)
    if not len(numbers) or numbers[-1] < 0:
        return False
    question = benchmark.protocol(run.protocol).report
    return _looked_up(run.trials[numbers[-1]].arch, benchmark, question) is None


def _looked_up(arch: Arch, benchmark: Benchmark, question: Question) -> float | None:
    """Return what was measured of an architecture, or None: its training failed."""
    try:
        value: float = benchmark.query(
            arch, question.metric, epochs=question.epochs, seed=question.seed
        )
    except NotMeasured:
        return None
    return value


def ends(run: Run) -> Floats:
    """Return when each trial ended, in simulated seconds or, without seconds, evaluations."""
    return np.array(clock.ends(run.trials, run.workers))


def trained(run: Run, benchmark: Benchmark) -> Floats:
    """Return the epochs of training that trials had spent when each of them ended.

    They count in the order in which trials ended.

    Returns:
        An array (trials,), ascending; empty where trials have no epochs.
    """
    protocol = benchmark.protocol(run.protocol)
    if not protocol.epochs:
        return np.empty(0)
    return np.cumsum(list(map(Epochs(protocol), run.trials)), dtype=np.float64)


@dataclass(frozen=True)
class Curve:
    """The reported metric against a budget, over runs."""

    grid: Floats
    """Evaluations, simulated seconds or epochs of training, (points,)."""
    mean: Floats
    low: Floats
    high: Floats
    """The 95 % interval of the mean; NaN where fewer than two runs have a value."""
    runs: int


def at(grid: Floats, ends: Floats, values: Floats) -> Floats:
    """Return a step curve's values on a grid: the last value reached by then; NaN before any."""
    place = np.searchsorted(ends, grid, side="right") - 1
    return (
        np.where(place >= 0, values[np.maximum(place, 0)], np.nan)
        if len(values)
        else (np.full(len(grid), np.nan))
    )


def band(grid: Floats, curves: Sequence[tuple[Floats, Floats]]) -> Curve:
    """Return mean and interval of step curves, each given as (ends, values), on a grid.

    A point counts only if every run has a value there: a mean over the runs that happened to be
    quick would compare different runs at different times.
    """
    table = np.stack([at(grid, ends, values) for ends, values in curves])
    mean, _, low, high = mean_interval(table)
    return Curve(grid, mean, low, high, len(curves))
