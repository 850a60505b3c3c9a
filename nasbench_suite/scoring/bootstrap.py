"""How sure any statistic of runs is, by drawing runs anew.

Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", NeurIPS
2021.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np

from nasbench_suite.core import Floats

Statistic: TypeAlias = Callable[[Floats, int], Floats]
"""Takes values and the axis of the runs, which it reduces; such as `numpy.mean`."""

RESAMPLES: Final = 2000
"""Efron and Tibshirani, 1993, ask for at least a thousand where quantiles are wanted."""

_AT_ONCE: Final = 1_000_000
"""How many numbers are drawn anew at a time, so that curves of many points fit in memory."""


def interquartile_mean(values: Floats, axis: int = 0) -> Floats:
    """Return the mean of the middle half of the runs (Agarwal et al., section 4.3).

    A quarter of the runs, rounded down, is left out at each end: with fewer than four runs it is
    the mean. It needs fewer runs than the median to be as sure, and a few failed runs do not
    move it as they move the mean.

    Args:
        values: of any shape; NaN where a run has no value.
        axis: that of the runs, which is reduced.
    """
    ordered = np.moveaxis(np.sort(values, axis=axis), axis, 0)
    runs = len(ordered)
    middle = ordered[runs // 4 : runs - runs // 4].mean(axis=0)
    # NaN is sorted to the end, where it would be left out.
    return np.asarray(np.where(np.isnan(ordered[-1]), np.nan, middle))


def bootstrap_interval(
    values: Floats,
    statistic: Statistic,
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> tuple[Floats, Floats]:
    """Return the ends of a statistic's interval over the first axis: the percentile bootstrap.

    Runs are drawn anew with replacement, as many as there are, and the interval holds the middle
    of what the statistic then is (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
    chapter 13). It is NaN with a single run, and where a run has no value. With few runs it is
    somewhat narrow: for the mean, Student's interval is the better one.

    Args:
        values: (runs, …).
        statistic: what of the runs; it reduces one axis.
        rng: draws the runs.
        level: the chance that the interval covers the statistic of all runs there could be.
        resamples: how often the runs are drawn.
    """
    return stratified_interval([values], statistic, rng, level, resamples)


def stratified_interval(
    values: Sequence[Floats],
    statistic: Statistic,
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> tuple[Floats, Floats]:
    """Return the ends of the interval of a statistic over the runs of several tasks together.

    Runs are drawn anew within each task, so that tasks stay as they are and only the luck of runs
    is judged (Agarwal et al., section 4.1). It is NaN if a task has a single run, and where a run
    has no value.

    Args:
        values: for each task (runs, …), made comparable between tasks; runs may differ in number.
        statistic: what of all runs of all tasks; it reduces one axis.
        rng: draws the runs.
        level: the chance that the interval covers the statistic of all runs there could be.
        resamples: how often the runs are drawn.
    """
    drawn = [rng.integers(len(task), size=(resamples, len(task))) for task in values]
    step = max(1, _AT_ONCE // sum(task.size for task in values))
    found = np.concatenate(
        [
            statistic(
                np.concatenate(
                    [task[runs[k : k + step]] for task, runs in zip(values, drawn, strict=True)],
                    axis=1,
                ),
                1,
            )
            for k in range(0, resamples, step)
        ]
    )
    low, high = np.quantile(found, (0.5 - level / 2, 0.5 + level / 2), axis=0)
    if min(len(task) for task in values) < 2:
        low, high = np.full_like(low, np.nan), np.full_like(high, np.nan)
    return low, high
