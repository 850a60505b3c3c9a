"""How good predictions are: pure functions of what is true, what is predicted, and how surely.

Ranks follow White et al., "How Powerful are Performance Predictors in Neural Architecture Search?",
NeurIPS 2021, section 3, and Zela et al., "Surrogate NAS Benchmarks: Going Beyond the Limited Search
Spaces of Tabular NAS Benchmarks", ICLR 2022 (NAS-Bench-301). Uncertainties are read as Gaussian:
each architecture's value has the predicted mean and standard deviation.

Everywhere `y`, `mean` and `std` are of the same architectures, (n,) each, in the metric's unit. A
rank correlation is NaN where all predictions are equal, since they order nothing.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import kendalltau, rankdata

from nasbench_suite.core import Floats, Ints, InvalidSetting

Direction: TypeAlias = Literal["max", "min"]
"""Whether more of a metric is better, or less."""

LEVEL: Final = 0.9
"""The chance with which an interval is to hold the value."""

_REACH: Final = float(ndtri(0.5 + LEVEL / 2))
LEVELS: Final = np.arange(1, 100) / 100
"""The probabilities at which predicted quantiles are compared with how many values lie below."""


class Measures(NamedTuple):
    """Every measure of a set of predictions; see the function of the same name for each."""

    kendall: float
    spearman: float
    pearson: float
    sparse_kendall: float
    r2: float
    rmse: float
    mae: float
    precision_at_10: float
    precision_at_50: float
    regret_at_1: float
    regret_at_10: float
    regret_at_50: float
    negative_log_likelihood: float
    calibration_error: float
    coverage: float
    width: float


def measure(y: Floats, mean: Floats, std: Floats, direction: Direction = "max") -> Measures:
    """Return every measure of predictions.

    Args:
        y: what is true, not all the same.
        mean: what is predicted.
        std: the standard deviation of each prediction, 0 or more.
        direction: whether more is better, for what is asked of the best.

    Raises:
        InvalidSetting: there are fewer than 2, their numbers differ, one is not a finite number, a
            standard deviation is negative, or all that is true is the same; the message says which.
    """
    _check(y, mean, std)
    return Measures(
        kendall=kendall(y, mean),
        spearman=spearman(y, mean),
        pearson=pearson(y, mean),
        sparse_kendall=sparse_kendall(y, mean),
        r2=r2(y, mean),
        rmse=rmse(y, mean),
        mae=mae(y, mean),
        precision_at_10=precision_at(10, y, mean, direction),
        precision_at_50=precision_at(50, y, mean, direction),
        regret_at_1=regret_at(1, y, mean, direction),
        regret_at_10=regret_at(10, y, mean, direction),
        regret_at_50=regret_at(50, y, mean, direction),
        negative_log_likelihood=negative_log_likelihood(y, mean, std),
        calibration_error=calibration_error(y, mean, std),
        coverage=coverage(y, mean, std),
        width=width(std),
    )


# Order.


def kendall(y: Floats, mean: Floats) -> float:
    """Return Kendall's τ-b: pairs in the right order less those in the wrong, corrected for ties.

    Kendall, "The Treatment of Ties in Ranking Problems", Biometrika 1945.
    """
    return float(kendalltau(y, mean, variant="b").statistic)


def sparse_kendall(y: Floats, mean: Floats) -> float:
    """Return Kendall's τ-b of values rounded to 0.1 of the unit.

    Differences that two trainings of one architecture would swap count as ties (Zela et al., 2022,
    after Yu et al., "Evaluating the Search Phase of Neural Architecture Search", ICLR 2020). Here
    both sides are rounded; the published code of NAS-Bench-301 rounds the predictions alone.
    """
    return kendall(np.round(y, 1), np.round(mean, 1))


def spearman(y: Floats, mean: Floats) -> float:
    """Return Spearman's ρ: Pearson's correlation of ranks, equals sharing the mean of theirs."""
    return pearson(np.asarray(rankdata(y)), np.asarray(rankdata(mean)))


def pearson(y: Floats, mean: Floats) -> float:
    """Return Pearson's correlation; NaN where either is all the same."""
    if (y == y[0]).all() or (mean == mean[0]).all():
        return float("nan")
    # Scaled first: squares of huge or tiny deviations would be no numbers.
    one, other = (v / np.abs(v).max() for v in (y - y.mean(), mean - mean.mean()))
    found = (one @ other) / np.sqrt((one @ one) * (other @ other))
    return float(np.clip(found, -1.0, 1.0))


# Distance.


def r2(y: Floats, mean: Floats) -> float:
    """Return R²: the share of the variance of `y` that is explained, 0 for predicting its mean."""
    return float(1.0 - np.square(y - mean).sum() / np.square(y - y.mean()).sum())


def rmse(y: Floats, mean: Floats) -> float:
    """Return the root of the mean squared error, in the metric's unit."""
    return float(np.sqrt(np.square(y - mean).mean()))


def mae(y: Floats, mean: Floats) -> float:
    """Return the mean absolute error, in the metric's unit."""
    return float(np.abs(y - mean).mean())


# The best.


def precision_at(k: int, y: Floats, mean: Floats, direction: Direction = "max") -> float:
    """Return which share of the k that are predicted best are truly among the k best.

    One that equals the k-th best is among them; of equal predictions the first come first. NaN
    where there are no more than k, since then all are.
    """
    if len(y) <= k:
        return float("nan")
    true = _upward(y, direction)
    least = np.sort(true)[-k]
    return float((true[_chosen(k, mean, direction)] >= least).mean())


def regret_at(k: int, y: Floats, mean: Floats, direction: Direction = "max") -> float:
    """Return how much worse than the best is the best of the k that are predicted best.

    It is what is lost if these are trained and the best of them is taken, 0 or more, in the unit of
    the metric. Of equal predictions the first come first. NaN where there are no more than k.
    """
    if len(y) <= k:
        return float("nan")
    true = _upward(y, direction)
    return float(true.max() - true[_chosen(k, mean, direction)].max())


def _chosen(k: int, mean: Floats, direction: Direction) -> Ints:
    """Return the places of the k that are predicted best, (k,)."""
    order: Ints = np.argsort(-_upward(mean, direction), kind="stable")
    return order[:k]


def _upward(values: Floats, direction: Direction) -> Floats:
    """Return values such that more is better."""
    return values if direction == "max" else -values


# Uncertainty.


def negative_log_likelihood(y: Floats, mean: Floats, std: Floats) -> float:
    """Return the mean negative log-likelihood of `y`, in nats, less is better.

    It depends on the metric's unit, so it compares models of one metric and not metrics. Infinite
    where a standard deviation is 0: whatever is true then was held impossible, or certain, which no
    measured value is.
    """
    if (std == 0).any():
        return float("inf")
    return float((np.log(std) + 0.5 * np.log(2 * np.pi) + 0.5 * np.square((y - mean) / std)).mean())


def calibration_error(y: Floats, mean: Floats, std: Floats) -> float:
    """Return by how much predicted quantiles miss, 0 to 0.5, 0 is best.

    For each probability p = 0.01, 0.02, …, 0.99 the share of values that lie at or below the
    predicted p-quantile is compared with p; it is the mean of the absolute differences. Kuleshov et
    al., "Accurate Uncertainties for Deep Learning Using Calibrated Regression", ICML 2018, take the
    squared ones; the absolute ones are the mean absolute calibration error of Chung et al.,
    "Uncertainty Toolbox", arXiv 2109.10254, there with `prop_type="quantile"`.
    """
    return float(np.abs(below(y, mean, std) - LEVELS).mean())


def below(y: Floats, mean: Floats, std: Floats) -> Floats:
    """Return the share of values that lie at or below the predicted quantile of each of `LEVELS`.

    Where predictions are calibrated it is the level itself.
    """
    place = np.sort(_cumulative(y, mean, std))
    found: Floats = np.searchsorted(place, LEVELS, side="right") / len(place)
    return found


def coverage(y: Floats, mean: Floats, std: Floats) -> float:
    """Return which share of values lies in its 90 % interval, the mean ± 1.645 deviations."""
    return float((np.abs(y - mean) <= reach(std)).mean())


def width(std: Floats) -> float:
    """Return how wide the 90 % intervals are on average, in the metric's unit."""
    return float(2 * _REACH * std.mean())


def reach(std: Floats) -> Floats:
    """Return how far each 90 % interval reaches to either side of the mean, (n,)."""
    return _REACH * std


def _cumulative(y: Floats, mean: Floats, std: Floats) -> Floats:
    """Return the probability that a value is at most what it truly is, by its prediction, (n,)."""
    sure = std == 0
    scaled = (y - mean) / np.where(sure, 1.0, std)
    # Without any spread all lies at the mean.
    return np.asarray(np.where(sure, y >= mean, ndtr(scaled)), dtype=np.float64)


def _check(y: Floats, mean: Floats, std: Floats) -> None:
    """See that predictions can be measured.

    Raises:
        InvalidSetting: they cannot; the message says why.
    """
    if y.ndim != 1 or not y.shape == mean.shape == std.shape or len(y) < 2:
        raise InvalidSetting(
            f"true values of shape {y.shape}, predictions of {mean.shape} and deviations of "
            f"{std.shape}: give one of each for at least 2 architectures"
        )
    for what, values in (("true value", y), ("prediction", mean), ("deviation", std)):
        odd = np.flatnonzero(~np.isfinite(values))
        if len(odd):
            raise InvalidSetting(
                f"{what} {odd[0]} is {values[odd[0]]}: only finite numbers can be judged"
            )
    negative = np.flatnonzero(std < 0)
    if len(negative):
        raise InvalidSetting(
            f"deviation {negative[0]} is {std[negative[0]]:g}: a standard deviation is 0 or more"
        )
    if (y == y[0]).all():
        raise InvalidSetting(
            f"all {len(y):,} true values are {y[0]:g}: nothing can be told apart; judge on another "
            "metric, or on more architectures"
        )
