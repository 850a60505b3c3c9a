"""How good a search was all along, not only when its budget was spent."""

from __future__ import annotations

from typing import Literal

import numpy as np

from nasbench_suite.core import Floats, InvalidSetting
from nasbench_suite.scoring.curves import at


def regrets(values: Floats, optimum: float, direction: Literal["max", "min", "none"]) -> Floats:
    """Return how far values fall short of the optimum: 0 is the best there is, less is better.

    Args:
        values: of any shape, in the metric's unit; NaN stays NaN.
        optimum: the best value there is, in the same unit.
        direction: whether more or less of the metric is better.

    Raises:
        InvalidSetting: neither is better, so nothing falls short.
    """
    if direction == "none":
        raise InvalidSetting("a metric of which neither more nor less is better has no regret")
    return values - optimum if direction == "min" else optimum - values


def log_time_area(ends: Floats, values: Floats, *, start: float, end: float) -> float:
    """Return the mean of a step curve over the logarithm of its cost, from `start` to `end`.

    That is the area under the curve on a logarithmic axis, divided by the axis' length: each
    doubling of the budget counts the same. It is exact, the steps being integrated one by one.
    Searches compare only over the same interval, so `start` is best a cost at which each of them
    has a value.

    Args:
        ends: the cost at which each value begins to hold, (steps,), ascending. Of values that
            begin at the same cost the last one holds.
        values: (steps,).
        start: a cost above 0.
        end: a cost not below `start`; where it is the same, the mean is the value held there.

    Returns:
        A number in the unit of the values; NaN where the curve has no value somewhere on the
        interval, such as before its first one.

    Raises:
        InvalidSetting: the interval is none.
    """
    if not 0 < start <= end:
        raise InvalidSetting(f"a mean over log cost from {start:g} to {end:g}: 0 < start <= end")
    if start == end:
        return float(at(np.array([end]), ends, values)[0])
    inside = ends[(ends > start) & (ends < end)]
    edges = np.unique(np.concatenate([[start], inside, [end]]))
    return float(np.average(at(edges[:-1], ends, values), weights=np.diff(np.log(edges))))


def checkpoints(end: float, count: int = 4, *, whole: bool = False) -> Floats:
    """Return budgets at which searches are compared: `end`, its half, its quarter, and so on.

    Which strategy is ahead depends on the budget, so one budget does not tell.

    Args:
        end: the whole budget, in seconds, evaluations or epochs.
        count: how many budgets.
        whole: round up to whole numbers, for evaluations and epochs; those that become the same
            are given once.

    Returns:
        An array (count,), or shorter where whole numbers ran out, ascending.
    """
    budgets = np.ldexp(end, np.arange(1 - count, 1))
    return np.unique(np.ceil(budgets)) if whole else budgets
