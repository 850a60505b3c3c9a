"""How far standard deviations are from honest, as measured on what was not fitted."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from nasbench_suite.core import Floats, InvalidSetting

COVERAGE: Final = 0.9
"""Which part of what is measured lies in a calibrated interval."""
REACH: Final = 1.6448536269514722
"""How many standard deviations such an interval reaches to either side, of a normal law."""
FEWEST: Final = 20
"""Of fewer values a quantile of 90 % is hardly another than the largest."""


def stretch(mean: Floats, std: Floats, values: Floats) -> float:
    """Return what standard deviations are multiplied with, so that 90 % intervals hold 90 %.

    It is the quantile of standardised residuals that split conformal prediction takes (Lei et al.,
    "Distribution-Free Predictive Inference for Regression", JASA 2018, section 2.2, and 5.2 for
    residuals that are divided by a scale), so that the promise holds for few of them too.

    Args:
        mean: what was predicted, (n,) with n of at least 20.
        std: its standard deviation, (n,), of at least 0.
        values: what was measured, (n,).

    Raises:
        InvalidSetting: they are too few, or standard deviations are 0 where predictions err.
    """
    if len(values) < FEWEST:
        raise InvalidSetting(
            f"{len(values)} architectures: at least {FEWEST} calibrate a surrogate"
        )
    errors = np.abs(values - mean)
    # An interval without width holds where there is no error.
    ratios = np.divide(errors, std, out=np.where(errors > 0, np.inf, 0.0), where=std > 0)
    place = min(math.ceil((len(ratios) + 1) * COVERAGE), len(ratios))
    found = float(np.sort(ratios)[place - 1]) / REACH
    if not 0 < found < math.inf:
        raise InvalidSetting(
            "the surrogate cannot be calibrated: it errs where its standard deviation is 0, or "
            "errs nowhere; fit and calibrate it with values that differ"
        )
    return found
