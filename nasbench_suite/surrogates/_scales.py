"""Where the columns of features lie."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from nasbench_suite.core import Floats


class Standard(NamedTuple):
    """Where columns lie, so that each is read with mean 0 and standard deviation 1."""

    centre: Floats
    """(k,)."""
    spread: Floats
    """(k,); 1 where a column is always the same."""

    @classmethod
    def of(cls, x: Floats) -> Self:
        """Return means and standard deviations of the columns of (n, k)."""
        spread = x.std(axis=0)
        # The standard deviation of equal numbers may be their last digit.
        level = np.ptp(x, axis=0) == 0
        return cls(x.mean(axis=0), np.where(level, 1.0, spread))

    @classmethod
    def of_counts(cls, x: Floats) -> Self:
        """Return those of columns that go beyond 0 and 1; indicators are left as they are."""
        indicators = (x >= 0).all(axis=0) & (x <= 1).all(axis=0)
        centre, spread = cls.of(x)
        return cls(np.where(indicators, 0.0, centre), np.where(indicators, 1.0, spread))

    def standardise(self, x: Floats) -> Floats:
        """Return columns with a mean of 0 and a standard deviation of 1."""
        standard: Floats = (x - self.centre) / self.spread
        return standard

    @classmethod
    def restore(cls, stored: Floats, columns: int) -> Self:
        """Return what was stored as an array, (2, k).

        Raises:
            ValueError: it is none of so many columns.
        """
        if stored.shape != (2, columns) or not (stored[1] > 0).all():
            raise ValueError(f"its standard is {stored.shape}, not means and positive spreads")
        return cls(*stored)
