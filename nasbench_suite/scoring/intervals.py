"""How sure a mean over runs is."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit

from nasbench_suite.core import Floats


def mean_interval(values: Floats, level: float = 0.95) -> tuple[Floats, Floats, Floats, Floats]:
    """Return mean, standard deviation and the ends of the mean's interval over the first axis.

    The interval is Student's; the standard deviation divides by n - 1. With a single run both
    are NaN, and so is everything where a run has no value.

    Args:
        values: (runs, …).
        level: the chance that the interval covers the mean.
    """
    runs = len(values)
    mean = np.asarray(values.mean(axis=0))
    if runs < 2:
        none = np.full_like(mean, np.nan)
        return mean, none, none, none
    deviation = np.asarray(values.std(axis=0, ddof=1))
    reach = stdtrit(runs - 1, 0.5 + level / 2) * deviation / np.sqrt(runs)
    return mean, deviation, mean - reach, mean + reach
