"""How far trainings of one architecture are from each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nasbench_suite.core import Floats


def pooled(groups: Sequence[Floats]) -> tuple[float, int]:
    """Return the standard deviation within groups, all together, and its degrees of freedom.

    Args:
        groups: values of one architecture each, (n,) of any n; those of a single one tell nothing.

    Returns:
        NaN and 0 where no group has two values.
    """
    told = [group for group in groups if len(group) > 1]
    freedom = sum(len(group) - 1 for group in told)
    if not freedom:
        return math.nan, 0
    squares = sum(float(((group - group.mean()) ** 2).sum()) for group in told)
    return math.sqrt(squares / freedom), freedom
