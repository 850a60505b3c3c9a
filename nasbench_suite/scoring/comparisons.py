"""How two strategies compare on a task. More is better in every value here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from scipy.special import nctdtrinc, ndtri, stdtrit

from nasbench_suite.core import Floats

T = TypeVar("T", float, Floats)


def probability_of_improvement(ours: Floats, theirs: Floats) -> float:
    """Return how likely a run of ours is better than one of theirs, a tie counting one half.

    It is the share of all pairs of runs, Mann and Whitney's U over the number of pairs (Agarwal
    et al., NeurIPS 2021, section 4.3). A run without a value, NaN, is worse than any with one.

    Args:
        ours: what our runs reached, (runs,).
        theirs: what theirs reached, (runs,), perhaps of another number.
    """
    return float(_shares_beaten(ours, theirs).mean())


def improvement_interval(ours: Floats, theirs: Floats, level: float = 0.95) -> tuple[float, float]:
    """Return the ends of the interval of the probability of improvement.

    It is Wilson's interval of a share ("Probable inference", JASA 1927), of as many independent
    trials as give the share its variance; Mee ("Confidence intervals for probabilities and
    tolerance regions", JASA 1990) proposed such an interval. The variance is that of DeLong et
    al. ("Comparing the areas under two or more correlated ROC curves", Biometrics 1988). It is
    never more than that of as many trials as the smaller side has runs, and is taken to be this
    if it is found to be nothing, as where all runs of one side are better.

    The bootstrap says in that case that there is no doubt at all, even of three runs a side;
    this interval stays within 0 and 1 and covers about as often as it says from five runs on.

    Args:
        ours: what our runs reached, (runs,).
        theirs: what theirs reached, (runs,).
        level: the chance that the interval covers the probability.

    Returns:
        Two numbers from 0 to 1; NaN with a single run on either side.
    """
    if min(len(ours), len(theirs)) < 2:
        return math.nan, math.nan
    won, lost = _shares_beaten(ours, theirs), _shares_beaten(theirs, ours)
    share = float(won.mean())
    variance = float(won.var(ddof=1) / len(ours) + lost.var(ddof=1) / len(theirs))
    trials: float = min(len(ours), len(theirs))
    if variance > 0:
        trials = max(trials, share * (1 - share) / variance)
    square = float(ndtri(0.5 + level / 2)) ** 2 / trials
    centre = (share + square / 2) / (1 + square)
    reach = math.sqrt(square * share * (1 - share) + square**2 / 4) / (1 + square)
    return centre - reach, centre + reach


def win_rates(finals: Sequence[Sequence[Floats]]) -> Floats:
    """Return how likely a run of each strategy is better than one of each other.

    It is the probability of improvement averaged over tasks, each of which counts the same.

    Args:
        finals: for each task and strategy what its runs reached, (runs,).

    Returns:
        An array (strategies, strategies), the row's against the column's; the two of a pair add
        up to 1, and a strategy against itself has one half.
    """
    rates = [
        [[probability_of_improvement(ours, theirs) for theirs in task] for ours in task]
        for task in finals
    ]
    return np.asarray(np.mean(rates, axis=0))


def relative_improvement(value: T, average: float) -> T:
    """Return by how many percent a value is better than what random architectures average.

    Yang et al., "NAS evaluation is frustratingly hard", ICLR 2020: 100 (m - r) / r.
    The sign holds for negative values, too, such as an error turned so that more is better.

    Args:
        value: what was reached; a number or an array of any shape.
        average: the mean over random architectures, not 0.
    """
    return 100 * (value - average) / abs(average)


def gap_closed(value: T, average: float, optimum: float) -> T:
    """Return the share of the way from the random average to the optimum that was gone.

    It is 0 at the average, 1 at the optimum and the same whatever the unit, so that tasks can be
    put together, as Agarwal et al., NeurIPS 2021, do with scores of games.

    Args:
        value: what was reached; a number or an array of any shape.
        average: the mean over random architectures.
        optimum: the best there is, which is not the average.
    """
    return (value - average) / (optimum - average)


def detectable_difference(std: float, runs: int, level: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest difference of two means that so many runs can be expected to show.

    Student's two-sided test of two samples finds a difference of this size significant, and of
    the right sign, with the chance `power`. It is exact for normal values, from the noncentral t
    distribution (Cohen, "Statistical Power Analysis", 1988, chapter 2).

    Args:
        std: the standard deviation over the runs of a strategy; of two, the square root of the
            mean of their variances.
        runs: how many runs each of the two has.
        level: the chance of the test to find a difference where there is none.
        power: the chance to find the difference, above `level`.

    Returns:
        A difference in the unit of `std`; NaN with a single run.
    """
    if runs < 2:
        return math.nan
    freedom = 2 * (runs - 1)
    critical = stdtrit(freedom, 1 - level / 2)
    return float(nctdtrinc(freedom, 1 - power, critical) * std * math.sqrt(2 / runs))


def _shares_beaten(ours: Floats, theirs: Floats) -> Floats:
    """Return the share of their runs that each of ours beats, ties counting half, (our runs,)."""
    ours, theirs = (np.where(np.isnan(side), -np.inf, side) for side in (ours, theirs))
    theirs = np.sort(theirs)
    worse = np.searchsorted(theirs, ours, side="left")
    no_better = np.searchsorted(theirs, ours, side="right")
    return (worse + no_better) / (2 * len(theirs))
