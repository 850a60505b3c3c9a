"""How strategies rank over several tasks, and which ranks are told apart.

Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 2006, section
3.2.2. A block is a task, or what else strategies are ranked within; more is better.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc, fdtrc
from scipy.stats import rankdata, studentized_range

from nasbench_suite.core import Floats


class Friedman(NamedTuple):
    """Friedman's test of whether strategies differ at all; NaN where it cannot tell."""

    statistic: float
    """His χ², corrected for ties."""
    p: float
    """The chance of so large a χ², were all strategies the same."""
    f: float
    """Iman and Davenport's F, less cautious; infinite where all blocks agree."""
    f_p: float
    """The chance of so large an F."""


def ranks(values: Floats) -> Floats:
    """Return ranks along the last axis: 1 is the best, equals share the mean of their ranks.

    NaN ranks last, as equals, and so does -inf: a strategy without a value did not do better
    than one with any.

    Args:
        values: (…, strategies).
    """
    return np.asarray(rankdata(-np.where(np.isnan(values), -np.inf, values), axis=-1))


def average_ranks(values: Floats) -> Floats:
    """Return the mean over blocks of each strategy's rank, (strategies,).

    Args:
        values: (blocks, strategies).
    """
    return np.asarray(ranks(values).mean(axis=0))


def expected_ranks(values: Floats) -> Floats:
    """Return the rank that each strategy can expect, if a run is drawn of each at random.

    Runs of different strategies do not belong together, so every combination counts the same.
    The expectation is exact and needs no drawing: 1, and for each other strategy the probability
    that a run of it is better, ties counting half. A run without a value, NaN, is the worst.

    Args:
        values: (strategies, runs, …), such as curves on a common grid (strategies, runs, points).

    Returns:
        An array (strategies, …); over strategies it sums to k (k + 1) / 2.
    """
    strategies, runs, *rest = values.shape
    pooled = np.moveaxis(values.reshape(strategies * runs, *rest), 0, -1)
    means = ranks(pooled).reshape(*rest, strategies, runs).mean(axis=-1)
    # A run's rank among all runs is a half and, for each strategy, the runs of it that are
    # better; of its own strategy these are half of the runs on average.
    return np.moveaxis(0.5 + (means - 0.5) / runs, -1, 0)


def friedman(values: Floats) -> Friedman:
    """Test whether strategies differ, by their ranks within blocks.

    Both distributions hold for many blocks; Demšar asks for more than ten blocks and more than
    five strategies. With few, a p is a rough guide.

    Args:
        values: (blocks, strategies).

    Returns:
        NaN with fewer than three strategies or two blocks, or if all are equal in every block.
    """
    blocks, strategies = values.shape
    off = ranks(values) - (strategies + 1) / 2
    most = blocks * float((off**2).sum())
    if strategies < 3 or blocks < 2 or most == 0:
        return Friedman(math.nan, math.nan, math.nan, math.nan)
    # Kendall's W, from 0 to 1: how far the blocks agree. Both statistics are functions of it.
    agreement = float((off.sum(axis=0) ** 2).sum()) / most
    freedom = strategies - 1
    statistic = blocks * freedom * agreement
    f = (blocks - 1) * agreement / (1 - agreement) if agreement < 1 else math.inf
    return Friedman(
        statistic,
        float(chdtrc(freedom, statistic)),
        f,
        float(fdtrc(freedom, freedom * (blocks - 1), f)),
    )


def critical_difference(strategies: int, blocks: int, level: float = 0.05) -> float:
    """Return the difference from which on two average ranks are told apart (Nemenyi's test).

    The chance that it tells any two of equal strategies apart is `level`, over all pairs
    together. It is NaN with fewer than two strategies.
    """
    quantile = float(studentized_range.ppf(1 - level, strategies, np.inf))
    return quantile * _unit(strategies, blocks)


def nemenyi(values: Floats) -> Floats:
    """Return for each pair of strategies the p of Nemenyi's test that their ranks differ.

    It is corrected for the number of pairs.

    Args:
        values: (blocks, strategies).

    Returns:
        A symmetric array (strategies, strategies) with a diagonal of 1.
    """
    blocks, strategies = values.shape
    average = average_ranks(values)
    apart = np.abs(average[:, None] - average) / _unit(strategies, blocks)
    return np.asarray(studentized_range.sf(apart, strategies, np.inf))


def _unit(strategies: int, blocks: int) -> float:
    """Return the unit in which the studentized range counts differences of average ranks.

    It is the standard deviation of such a difference of equal strategies, over the square root of
    two: two independent values of this deviation differ as much.
    """
    return math.sqrt(strategies * (strategies + 1) / (12 * blocks))


def groups(averages: Floats, difference: float) -> tuple[tuple[int, ...], ...]:
    """Return which strategies are not told apart: the bars of a critical difference diagram.

    Args:
        averages: each strategy's average rank, (strategies,).
        difference: the critical difference; ranks less than it apart belong together.

    Returns:
        Groups of two or more, none within another, each from the best rank to the worst, as
        places in `averages`; a strategy may be in several or in none.
    """
    order = np.argsort(averages, kind="stable")
    ordered = averages[order]
    found, reached = [], 0
    for first, rank in enumerate(ordered):
        last = int(np.count_nonzero(ordered - rank < difference))
        if last > max(reached, first + 1):
            found.append(tuple(order[first:last].tolist()))
            reached = last
    return tuple(found)
