"""Ridge regressions of one set of rows, of many strengths and targets, without fitting each.

A singular value decomposition of the rows gives the errors of all values as the others predict
them (Golub, Heath and Wahba, "Generalized Cross-Validation", Technometrics 1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from nasbench_suite.core import Floats

STRENGTHS: Final = tuple(np.geomspace(1e-3, 1e5, 33).tolist())
"""Among which the strength of a regression is chosen, of standardised features."""
# A singular value below this part of the largest is rounding.
_RANK: Final = 1e-10


class Ridges:
    """What regressions on the same rows share."""

    def __init__(self, rows: Floats) -> None:
        """Decompose standardised features, (n, k)."""
        left, values, right = np.linalg.svd(rows, full_matrices=False)
        rank = max(1, int((values > _RANK * max(values[0], 1.0)).sum()))
        self._left: Final[Floats] = left[:, :rank]
        self._values: Final[Floats] = values[:rank]
        self.directions: Final[Floats] = right[:rank]
        """In which rows differ, (rank, k)."""

    def choose(self, z: Floats, strengths: Sequence[float] = STRENGTHS) -> tuple[float, float]:
        """Return the strength of the least error, and the mean square of its errors.

        Args:
            z: targets with mean 0, (n,).
            strengths: how much of the squared weights is added to the squared errors.
        """
        seen, found = self._left.T @ z, []
        for strength in strengths:
            shrunk = self._values**2 / (self._values**2 + strength)
            # The mean is a parameter too, hence one part in n.
            leverage = np.square(self._left) @ shrunk + 1 / len(z)
            rest = np.maximum(1 - leverage, 1 / len(z) ** 2)
            errors = (z - self._left @ (shrunk * seen)) / rest
            found.append((float(np.mean(errors**2)), strength))
        error, strength = min(found)
        return strength, error

    def known(self, strength: float) -> Floats:
        """Return how well each direction is known, its precision in units of the noise, (rank,)."""
        return self._values**2 + strength

    def weights(self, z: Floats, strength: float) -> Floats:
        """Return the weights of the features, (k,)."""
        along = self._values * (self._left.T @ z) / self.known(strength)
        weights: Floats = self.directions.T @ along
        return weights
